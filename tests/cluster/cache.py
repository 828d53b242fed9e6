"""All that is built or fetched, in one folder, each thing named by the key of what it is made of.

A thing is made in a folder of its own and renamed into place when it is whole, so what is found is whole; a lock for
each keeps two runs from making the same thing twice.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def root() -> Path:
    """The cache folder: `$XDG_CACHE_HOME/contender`, by default `~/.cache/contender`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "contender"


def key(*parts: str | Path) -> str:
    """Twelve hexadecimal digits of all that is named: a text by itself, a path by its names, modes and contents."""
    digest = hashlib.sha256()
    for part in parts:
        for line in _lines(part):
            digest.update(len(line).to_bytes(8) + line)
    return digest.hexdigest()[:12]


def _lines(part: str | Path) -> Iterator[bytes]:
    if isinstance(part, str):
        yield part.encode()
        return
    for file in sorted(part.rglob("*")) if part.is_dir() else [part]:
        if file.is_file() and "__pycache__" not in file.parts:
            executable = os.access(file, os.X_OK)
            yield f"{file.relative_to(part.parent).as_posix()} {executable}".encode()
            yield file.read_bytes()


@contextmanager
def lock(name: str) -> Iterator[None]:
    """Only one process at a time is inside; the others wait."""
    path = root() / "locks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def kept(name: str, content_key: str, make: Callable[[Path], None]) -> Path:
    """The folder `<name>-<key>`, made by `make(empty folder)` unless it is there already."""
    wanted = root() / f"{name}-{content_key}"
    if wanted.exists():
        return wanted
    with lock(wanted.name):
        if not wanted.exists():
            making = root() / "making" / wanted.name
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir(parents=True)
            make(making)
            making.rename(wanted)
    return wanted
