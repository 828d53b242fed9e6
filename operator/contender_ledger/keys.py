"""The namespace's receipt keys: a mounted directory with one file a key, named by when the key came into force."""

import logging
import time
from pathlib import Path

KEY_BYTES = 32
LOOK_AGAIN = 30.0  # seconds; the kubelet itself takes about a minute to bring a changed Secret
LOOK_FOR_UNKNOWN = 1.0  # so that forged receipts cost no disk

logger = logging.getLogger(__name__)


class KeyRing:
    """Every key on disk opens receipts, however old: receipts in flight outlive a rotation."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._keys: dict[int, bytes] = {}
        self._looked = float("-inf")

    def get(self, kid: int) -> bytes | None:
        """The 32 bytes of one key, or None where the directory has no such key."""
        age = time.monotonic() - self._looked
        if age > (LOOK_AGAIN if kid in self._keys else LOOK_FOR_UNKNOWN):
            self._keys = _read(self._directory)
            self._looked = time.monotonic()
        return self._keys.get(kid)


def _read(directory: Path) -> dict[int, bytes]:
    try:
        files = [file for file in directory.iterdir() if file.name.isdecimal() and file.name.isascii()]
        keys = {int(file.name): file.read_bytes() for file in files}
    except OSError as error:
        logger.warning("the receipt keys could not be read: %s", error)
        return {}
    for kid in [kid for kid, key in keys.items() if len(key) != KEY_BYTES]:
        logger.warning("the receipt key %d is not %d bytes long: ignored", kid, KEY_BYTES)
        del keys[kid]
    return keys
