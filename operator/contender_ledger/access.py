"""Who may do what: tokens derived from one secret, one for the operator and one for each deployment's labels."""

import hmac
from collections.abc import Iterable, Mapping
from pathlib import Path

EVIDENCE = "evidence"


class NoSecret(Exception):
    """The secret that tokens are derived from is not mounted."""


def labels_of(deployment: str) -> str:
    """The purpose of the token that posts a deployment's labels."""
    return f"labels/{deployment}"


class Access:
    """Compares tokens. The secret is read anew each time, so that a changed one is in force at once."""

    def __init__(self, directory: Path) -> None:
        self._root = directory / "root"

    def allows(self, token: str, purpose: str) -> bool:
        """Is this the token of `purpose`? NoSecret where that cannot be known."""
        return self.allowed(token, (purpose,)) is not None

    def allowed(self, token: str, purposes: Iterable[str]) -> str | None:
        """The first of `purposes` that the token is of."""
        root = self._read()
        given = token.encode("utf-8", "surrogateescape")  # as aiohttp decodes headers
        return next((each for each in purposes if hmac.compare_digest(given, _token(root, each))), None)

    def _read(self) -> bytes:
        try:
            return self._root.read_bytes()
        except OSError as error:
            raise NoSecret(str(error)) from error


def _token(root: bytes, purpose: str) -> bytes:
    return hmac.digest(root, purpose.encode(), "sha256").hex().encode()


def token_in(headers: Mapping[str, str]) -> str | None:
    """The token of a request. The API server's proxy keeps `Authorization` for itself, hence the second header."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else headers.get("x-contender-token")
