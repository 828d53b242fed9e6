"""One file from a source to the disk: resumed where it broke off, tried again while that helps, verified at the end."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from contender_serving.bundle.manifest import MANIFEST_BYTES, ListedFile
from contender_serving.bundle.reading import check_file, corrupt
from contender_serving.failures import Failure, Reason
from contender_serving.fetch.sources import Source, Transient

PAUSES = (0.25, 0.5, 1.0, 2.0)  # seconds between the tries; the kubelet, which restarts us, has the longer patience

Result = TypeVar("Result")


def read_small(source: Source, path: str) -> bytes:
    """A file of at most a mebibyte. Raises `Failure`, InvalidBundle if it is larger."""

    def attempt() -> bytes:
        with source.open(path, 0) as stream:
            content = b""
            for chunk in stream.chunks:
                content += chunk
                if len(content) > MANIFEST_BYTES:
                    raise Failure(Reason.INVALID_BUNDLE, f"{path} is larger than 1 MiB; write the bundle again")
            return content

    return _patiently(attempt, progress=lambda: 0)


def download(source: Source, listed: ListedFile, folder: Path) -> None:
    """Bring a listed file into the folder, unless it is there. Raises `Failure`: FileCorrupt, or the source's."""
    target = folder / listed.path
    if _is_there(target, listed):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(target)
    _patiently(lambda: _attempt(source, listed, part), progress=lambda: size_of(part))
    part.rename(target)


def download_unlisted(source: Source, path: str, folder: Path, limit: int | None) -> None:
    """Bring a file of which nothing is known into the folder, from its first byte on.

    Raises `Failure`: ModelTooLarge if it is larger than the memory limit, or the source's.
    """
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)

    def attempt() -> None:
        with source.open(path, 0) as stream, target.open("wb") as file:
            for chunk in stream.chunks:
                file.write(chunk)
                if limit is not None and file.tell() > limit:
                    raise too_large(f"{path} has more than {limit} bytes", limit)

    _patiently(attempt, progress=lambda: 0)


def too_large(what: str, limit: int) -> Failure:
    """The failure of a model that its server's memory cannot hold."""
    return Failure(
        Reason.MODEL_TOO_LARGE,
        f"{what}, the memory limit is {limit}; raise spec.resources.limits.memory well above the model's size",
    )


def part_of(target: Path) -> Path:
    """Where a file is kept until it is whole."""
    return target.with_name(target.name + ".part")


def size_of(path: Path) -> int:
    """Bytes of a file, 0 if there is none."""
    return path.stat().st_size if path.exists() else 0


def _is_there(target: Path, listed: ListedFile) -> bool:
    try:
        check_file(target, listed)
    except Failure:
        return False
    return True


def _attempt(source: Source, listed: ListedFile, part: Path) -> None:
    have = size_of(part)
    if have < listed.size or have == 0:
        _append(source, listed, part, have)
    if size_of(part) < listed.size:
        raise _again(corrupt(listed, f"ends after {size_of(part)} of {listed.size} bytes"))
    try:
        check_file(part, listed)
    except Failure as failure:
        part.unlink()
        if have:  # the beginning may be of another upload: worth one try from the first byte
            raise _again(failure) from None
        raise


def _again(failure: Failure) -> Transient:
    return Transient(failure.reason, failure.message)


def _append(source: Source, listed: ListedFile, part: Path, have: int) -> None:
    with source.open(listed.path, have) as stream, part.open("ab") as file:
        file.truncate(stream.start)
        for chunk in stream.chunks:
            file.write(chunk)
            if file.tell() > listed.size:
                break  # longer than listed: what is there already fails the check


def _patiently(attempt: Callable[[], Result], progress: Callable[[], int]) -> Result:
    """Try again after a transient failure, up to `len(PAUSES)` times in a row without progress."""
    failures = 0
    while True:
        before = progress()
        try:
            return attempt()
        except Transient:
            failures = 1 if progress() > before else failures + 1
            if failures > len(PAUSES):
                raise
        time.sleep(PAUSES[failures - 1])
