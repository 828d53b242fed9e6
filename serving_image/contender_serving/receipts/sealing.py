"""A receipt's bytes, laid out in docs/serving-contract.md. Only who has a key imports this: the cipher takes time."""

from binascii import b2a_base64

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

VERSION = b"\x01"
PURPOSE = b"contender receipt 1"
KEY = 32  # bytes of a key
NUMBER = 6  # bytes of a receipt's number
NONCE = 12  # bytes; AES-GCM is broken if one is ever used twice with a key

_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class Seal:
    """What one process seals with: a key derived from the namespace's and the process' own `salt` of 16 bytes."""

    def __init__(self, kid: int, key: bytes, salt: bytes) -> None:
        self._begin = VERSION + kid.to_bytes(4) + salt
        self._cipher = AESGCM(HKDF(SHA256(), KEY, salt, PURPOSE).derive(key))

    def token(self, number: int, content: bytes) -> str:
        """The receipt with this number, which must never be given again, whatever the key."""
        nonce = number.to_bytes(NONCE)
        begin = self._begin + nonce[-NUMBER:]
        sealed = begin + self._cipher.encrypt(nonce, content, begin)
        return b2a_base64(sealed, newline=False).translate(_URL_SAFE).rstrip(b"=").decode()
