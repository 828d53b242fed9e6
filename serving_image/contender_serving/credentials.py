"""What a model store asks for, from the Secret that is mounted into the fetching container and nowhere else.

A Secret holds `token`, or `username` and `password`, or `tls.crt` and `tls.key`, or a certificate beside one of the
others; and `ca.crt` where the store's own certificate is signed by an authority that the image does not know.
"""

import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from contender_serving.failures import Failure, Reason

CERTIFICATE, KEY, AUTHORITY = "tls.crt", "tls.key", "ca.crt"
BASIC = ("username", "password")
TOKEN = "token"  # noqa: S105 (the name of a key)
KNOWN = "token, or username and password, or tls.crt and tls.key, and ca.crt for an authority of your own"


@dataclass(frozen=True, slots=True)
class Secret:
    """A mounted Secret: a file for each of its keys."""

    name: str
    folder: Path

    def refused(self, what: str) -> Failure:
        return Failure(Reason.SECRET_UNUSABLE, f"Secret {self.name} (spec.model.secretRef) {what}")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is shown to the store: headers to its own host only, and a TLS context."""

    secret: str
    headers: Mapping[str, str] = field(repr=False)
    context: ssl.SSLContext


def credentials(secret: Secret) -> Credentials:
    """Read the Secret as it is now. Raises `Failure` (SecretUnusable) that says what to put into it."""
    values = {name: _line(secret, name) for name in (*BASIC, TOKEN) if (secret.folder / name).is_file()}
    files = {name for name in (CERTIFICATE, KEY, AUTHORITY) if (secret.folder / name).is_file()}
    if not values and not files:
        raise secret.refused(f"is not there, or has no key that is known: create it in this namespace with {KNOWN}")
    for pair in (BASIC, (CERTIFICATE, KEY)):
        if len({*values, *files} & {*pair}) == 1:
            raise secret.refused(f"has only one of {pair[0]} and {pair[1]}: give it both")
    if len(values) == len(BASIC) + 1:
        raise secret.refused("has a token and a password: leave one of them out")
    return Credentials(secret.name, _headers(values), _context(secret, files))


def _line(secret: Secret, name: str) -> str:
    """A value without the line break that `echo` leaves at its end."""
    try:
        value = (secret.folder / name).read_text("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise secret.refused(f"has a {name} that is not text: write it as UTF-8") from None
    if not value or not value.isprintable():
        raise secret.refused(f"has a {name} that is empty or of more than one line: write it again")
    return value


def _headers(values: Mapping[str, str]) -> dict[str, str]:
    if TOKEN in values:
        return {"Authorization": f"Bearer {values[TOKEN]}"}
    if not values:
        return {}
    user = ":".join(values[name] for name in BASIC)
    return {"Authorization": f"Basic {b64encode(user.encode()).decode()}"}


def _context(secret: Secret, files: set[str]) -> ssl.SSLContext:
    context = ssl.create_default_context()
    try:
        if AUTHORITY in files:
            context.load_verify_locations(secret.folder / AUTHORITY)
        if CERTIFICATE in files:
            context.load_cert_chain(secret.folder / CERTIFICATE, secret.folder / KEY, password="")
    except (ssl.SSLError, ValueError):
        raise secret.refused(f"has a certificate or key that cannot be read: {KEY} is PEM without a password") from None
    return context
