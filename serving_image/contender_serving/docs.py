"""The page at /docs: it reads /openapi.json, and nothing from anywhere else."""

from functools import cache
from importlib.resources import files

MEDIA_TYPE = "text/html; charset=utf-8"
# A browser that keeps to this asks no other host, whatever the page says.
POLICY = (
    b"default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'"
)


@cache
def page() -> bytes:
    """The page itself, read when it is first asked for."""
    return files("contender_serving").joinpath("docs.html").read_bytes()
