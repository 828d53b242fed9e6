"""The bundle: a directory that holds a model and all that is needed to serve and to judge it."""

from typing import TYPE_CHECKING, Any

from contender_serving.bundle.manifest import MANIFEST, Bundle, Manifest, digest_of, parse
from contender_serving.bundle.reading import read, verify

if TYPE_CHECKING:
    from contender_serving.bundle.writing import write

__all__ = ["MANIFEST", "Bundle", "Manifest", "digest_of", "parse", "read", "verify", "write"]


def __getattr__(name: str) -> Any:
    """`write`, of which a server that starts has no use."""
    if name != "write":
        raise AttributeError(name)
    from contender_serving.bundle.writing import write

    return write
