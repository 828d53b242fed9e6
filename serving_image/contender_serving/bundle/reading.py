"""Reading a bundle from disk, and making sure that it is the one that was meant."""

import hashlib
from pathlib import Path

from contender_serving.bundle import mlflow
from contender_serving.bundle.manifest import (
    MANIFEST,
    MANIFEST_BYTES,
    MODEL_FILES,
    Bundle,
    Format,
    ListedFile,
    digest_of,
    parse,
)
from contender_serving.failures import Failure, Reason


def read(folder: Path) -> Bundle:
    """Read a bundle's contender.yaml, or MLflow's MLmodel.

    Raises `Failure`: ModelNotFound, InvalidBundle, UnsupportedFormat.
    """
    if not (folder / MANIFEST).exists() and (folder / mlflow.MLMODEL).exists():
        return mlflow.read(folder)
    try:
        with (folder / MANIFEST).open("rb") as file:
            raw = file.read(MANIFEST_BYTES + 1)
    except OSError as error:
        raise Failure(Reason.MODEL_NOT_FOUND, f"cannot read {folder / MANIFEST}: {error.strerror}") from None
    if len(raw) > MANIFEST_BYTES:
        raise Failure(Reason.INVALID_BUNDLE, f"{MANIFEST} is larger than 1 MiB; write the bundle again")
    manifest = parse(raw)
    return Bundle(folder, digest_of(raw), manifest, folder / MODEL_FILES[Format(manifest.format)])


def verify(bundle: Bundle, digest: str | None = None) -> None:
    """Check the bundle's digest and every listed file. Raises `Failure`: DigestMismatch, FileCorrupt, InvalidBundle."""
    if digest is not None:
        check_digest(bundle.digest, digest, str(bundle.folder / (mlflow.MLMODEL if bundle.is_foreign else MANIFEST)))
    for file in bundle.manifest.files:
        _check_inside(bundle.folder, file)
        check_file(bundle.folder / file.path, file)


def check_digest(found: str, pinned: str, where: str) -> None:
    """Raise `Failure` (DigestMismatch) unless the digest found is the one that was pinned."""
    if found != pinned:
        raise Failure(
            Reason.DIGEST_MISMATCH,
            f"{where} has the digest {found}, pinned is {pinned}; "
            "set spec.model.digest to the digest that the bundle was written with, or restore that bundle",
        )


def check_file(path: Path, listed: ListedFile) -> None:
    """Raise `Failure` (FileCorrupt) unless the file is, byte for byte, the one that contender.yaml lists."""
    try:
        with path.open("rb") as file:
            size, sha256 = path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise corrupt(listed, f"cannot be read: {error.strerror}") from None
    if size != listed.size:
        raise corrupt(listed, f"has {size} bytes, {MANIFEST} says {listed.size}")
    if sha256 != listed.sha256:
        raise corrupt(listed, f"has the sha256 {sha256}, {MANIFEST} says {listed.sha256}")


def _check_inside(folder: Path, listed: ListedFile) -> None:
    """Paths are plain already; a link may lead elsewhere all the same."""
    if not (folder / listed.path).resolve().is_relative_to(folder.resolve()):
        raise Failure(Reason.INVALID_BUNDLE, f"{listed.path} is a link that leaves the bundle; put the file there")


def corrupt(listed: ListedFile, what: str) -> Failure:
    """The failure of one listed file."""
    return Failure(Reason.FILE_CORRUPT, f"{listed.path} {what}; upload the bundle again")
