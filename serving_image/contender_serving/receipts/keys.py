"""The namespace's keys, one file each, named by the second from which on it is used. They come and go as we serve."""

import asyncio
import logging
import os
import time
from collections.abc import Collection, Iterable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contender_serving.receipts.sealing import Seal

LOOK_EVERY = 30  # seconds
SALT = 16  # bytes
LENGTH = 32  # bytes of a key
_LATEST = 2**32 - 1  # as many seconds as a receipt can name

logger = logging.getLogger(__name__)


def in_force(kids: Collection[int], now: float) -> int | None:
    """Of keys by their times, in seconds since 1970, the one to seal with: the newest that has come, else the first."""
    return max((kid for kid in kids if kid <= now), default=min(kids, default=None))


class Keys:
    """Seals with the key in force. To be made in the process that serves: the salt must be its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: tuple[str, ...] = ()
        self._keys: dict[int, bytes] = {}
        self._used: tuple[int, bytes] | None = None
        self._seal: Seal | None = None
        self._salt = os.urandom(SALT)
        self._numbers = count()  # its `next` is one step, so that threads never get the same one

    @property
    def there(self) -> bool:
        """Whether there is a key to seal with."""
        return self._seal is not None

    def sealed(self, content: bytes) -> str | None:
        """A receipt of this content, if there is a key."""
        seal = self._seal
        return seal.token(next(self._numbers), content) if seal else None

    def look(self, now: float) -> None:
        """See whether other keys are there, and whether another one is in force `now`. The first key takes 0.1 s."""
        names = _names(self._folder)
        if names != self._names:
            self._names, self._keys = names, dict(_read(self._folder, names))
        kid = in_force(self._keys, now)
        used = None if kid is None else (kid, self._keys[kid])
        if used != self._used:
            self._used, self._seal = used, self._made(used)
            logger.info("receipts are sealed with %s", "no key" if kid is None else f"the key {kid}")

    async def follow(self) -> None:
        """Look now, and from now on every now and then, always on another thread than requests are answered on."""
        await asyncio.to_thread(self.look, time.time())
        self._following = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await asyncio.to_thread(self.look, time.time())

    def _made(self, used: tuple[int, bytes] | None) -> "Seal | None":
        if used is None:
            return None
        from contender_serving.receipts.sealing import Seal  # here, for it brings the cipher

        return Seal(*used, self._salt)


def _names(folder: Path) -> tuple[str, ...]:
    """The files that may be keys. Kubernetes has others beside them, like `..data`."""
    try:
        names = [file.name for file in folder.iterdir()]
    except FileNotFoundError:
        return ()
    except OSError as error:
        logger.warning("the receipt keys cannot be listed (%s), and are not used", error.strerror)
        return ()
    return tuple(sorted(name for name in names if name.isascii() and name.isdigit() and int(name) <= _LATEST))


def _read(folder: Path, names: Iterable[str]) -> Iterable[tuple[int, bytes]]:
    for name in names:
        try:
            key = (folder / name).read_bytes()
        except OSError as error:
            logger.warning("the receipt key %s cannot be read (%s), and is not used", name, error.strerror)
            continue
        if len(key) == LENGTH:
            yield int(name), key
        else:
            logger.warning("the receipt key %s has %d bytes instead of %d, and is not used", name, len(key), LENGTH)
