"""Seals receipts as the serving image does: from the contract alone, so that it tests the ledger."""

import base64
import os
import time
from dataclasses import dataclass, field
from itertools import count

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

Scalar = bool | int | float | str


def now() -> int:
    """Epoch milliseconds."""
    return int(time.time() * 1000)


@dataclass
class Sealer:
    """One server process of a variant."""

    deployment: str
    variant: str
    key: bytes
    kid: int
    salt: bytes = field(default_factory=lambda: os.urandom(16))
    numbers: "count[int]" = field(default_factory=count)

    def __post_init__(self) -> None:
        self.cipher = AESGCM(HKDF(SHA256(), length=32, salt=self.salt, info=b"contender receipt 1").derive(self.key))

    def seal(self, *predictions: Scalar, at: int | None = None) -> str:
        """The receipt of one request."""
        return self.sealed(msgspec.msgpack.encode(self._content(list(predictions), at)))

    def seal_short(self, values: list[Scalar], rows: bytes) -> str:
        """The receipt of a request with many rows of few values."""
        return self.sealed(msgspec.msgpack.encode(self._content({"values": values, "rows": rows}, None)))

    def sealed(self, plain: bytes) -> str:
        """Whatever it is that is sealed."""
        number = next(self.numbers).to_bytes(6)
        head = b"\x01" + self.kid.to_bytes(4) + self.salt + number
        token = head + self.cipher.encrypt(number.rjust(12, b"\0"), plain, head)
        return base64.urlsafe_b64encode(token).decode().rstrip("=")

    def _content(self, predictions: object, at: int | None) -> list[object]:
        return [self.deployment, self.variant, now() if at is None else at, "predict", predictions]
