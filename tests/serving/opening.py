"""Opens receipts, by the contract's words alone: nothing of the server is used."""

from base64 import urlsafe_b64decode
from typing import Any, NamedTuple

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

HEAD, TAG = 27, 16  # bytes before what is sealed, and of the proof that nobody has altered it


class Opened(NamedTuple):
    """What a receipt says."""

    kid: int
    salt: bytes
    number: int
    deployment: str
    variant: str
    at: int  # milliseconds since 1970
    output: str
    predictions: Any  # as they are written, maybe in short

    @property
    def rows(self) -> list[Any]:
        """The prediction of each row."""
        if isinstance(self.predictions, list):
            return self.predictions
        return [self.predictions["values"][place] for place in self.predictions["rows"]]


def plain(token: str) -> bytes:
    """A receipt's bytes."""
    return urlsafe_b64decode(token + "=" * (-len(token) % 4))


def opened(token: str, key: bytes) -> Opened:
    """What is in a receipt. Raises `InvalidTag` if it is another's, or was altered."""
    whole = plain(token)
    return open_bytes(whole, key)


def open_bytes(whole: bytes, key: bytes) -> Opened:
    """The same of its bytes."""
    head, sealed = whole[:HEAD], whole[HEAD:]
    salt, number = head[5:21], head[21:27]
    own = HKDF(SHA256(), 32, salt, b"contender receipt 1").derive(key)
    content = msgspec.msgpack.decode(AESGCM(own).decrypt(number.rjust(12, b"\0"), sealed, head))
    return Opened(int.from_bytes(head[1:5]), salt, int.from_bytes(number), *content)
