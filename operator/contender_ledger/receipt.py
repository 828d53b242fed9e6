"""Opening receipts, which the serving image sealed: what they are is fixed by tests/contract/receipts.json."""

import binascii
from functools import lru_cache

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from contender_ledger.keys import KeyRing
from contender_ledger.refusal import Reason, Refused
from contender_ledger.scalar import Scalar

VERSION = 1
HEAD = 27  # version 1, kid 4, salt 16, number 6: sent in clear, and authenticated
TAG = 16
INFO = b"contender receipt 1"
TO_BASE64 = bytes.maketrans(b"-_", b"+/")


class Short(msgspec.Struct):
    """Many rows of few values: an index for each row."""

    values: list[Scalar]
    rows: bytes


class Sealed(msgspec.Struct, array_like=True):
    """The plaintext of a receipt."""

    deployment: str
    variant: str
    at: int
    output: str
    predictions: list[Scalar] | Short


class Receipt(msgspec.Struct, frozen=True):
    """Which variant answered a request, when (epoch milliseconds), and what it predicted for each row."""

    identity: bytes  # 22 bytes: salt and number
    deployment: str
    variant: str
    at: int
    predictions: list[Scalar]


DECODER = msgspec.msgpack.Decoder(Sealed)


def opened(token: str, keys: KeyRing) -> Receipt:
    """The receipt in a token; Refused as Malformed or Forged."""
    raw = _bytes_of(token)
    head = raw[:HEAD]
    key = keys.get(int.from_bytes(head[1:5]))
    if key is None:
        raise Refused(Reason.FORGED, "the receipt was sealed with a key that this namespace does not have")
    cipher = _cipher(key, head[5:21])
    try:
        plain = cipher.decrypt(head[21:].rjust(12, b"\0"), raw[HEAD:], head)
    except InvalidTag:
        raise Refused(Reason.FORGED, "the receipt was cut or altered, or is of another namespace") from None
    return _receipt(head[5:], plain)


def _bytes_of(token: str) -> bytes:
    try:
        text = token.encode("ascii").translate(TO_BASE64)
        raw = binascii.a2b_base64(text + b"=" * (-len(text) % 4), strict_mode=True)
    except (UnicodeEncodeError, binascii.Error):
        raise Refused(Reason.MALFORMED, "a receipt is base64url text: send it as the answer carried it") from None
    if len(raw) < HEAD + TAG or raw[0] != VERSION:
        raise Refused(Reason.MALFORMED, "this is no receipt: too short, or of another version")
    return raw


@lru_cache(maxsize=4096)
def _cipher(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), length=32, salt=salt, info=INFO).derive(key))


def _receipt(identity: bytes, plain: bytes) -> Receipt:
    try:
        sealed = DECODER.decode(plain)
        predictions = sealed.predictions
        if isinstance(predictions, Short):
            predictions = [predictions.values[index] for index in predictions.rows]
    except (msgspec.MsgspecError, IndexError):
        raise Refused(
            Reason.MALFORMED, "the receipt is genuine, but of a form that this ledger does not know"
        ) from None
    return Receipt(identity, sealed.deployment, sealed.variant, sealed.at, predictions)
