"""The order of a fetch: contender.yaml, against the pinned digest; then each file; published when all are there."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contender_serving.bundle import mlflow
from contender_serving.bundle.manifest import MANIFEST, Manifest, digest_of, parse
from contender_serving.bundle.reading import check_digest, read, verify
from contender_serving.failures import Failure, Reason
from contender_serving.fetch.download import download, download_unlisted, part_of, read_small, size_of, too_large
from contender_serving.fetch.sources import Source, source
from contender_serving.settings import PUBLISHED, FetchSettings

INCOMING = ".incoming"  # beside the published bundle, so that publishing is one rename


def fetch(settings: FetchSettings) -> Path:
    """Bring the pinned bundle into the model volume and return its folder. Raises `Failure` with what to mend.

    A container that is started again finds what the last one left, and goes on from there.
    """
    published = settings.model_dir / PUBLISHED
    if _is_published(published, settings.digest):
        return published
    origin = source(settings.uri, settings.pvc_root, settings.secret)
    try:
        raw = read_small(origin, MANIFEST)
    except Failure as failure:
        if failure.reason is not Reason.MODEL_NOT_FOUND or not _fetch_foreign(origin, settings, published):
            raise
        return published
    check_digest(digest_of(raw), settings.digest, f"{MANIFEST} at the model's URI")
    manifest = parse(raw)
    _check_format(manifest.format, settings.format)
    incoming = settings.model_dir / INCOMING / settings.digest.removeprefix("sha256:")
    with _volume_errors(settings.model_dir):
        _check_size(manifest, incoming, settings)
        for listed in manifest.files:
            download(origin, listed, incoming)
        (incoming / MANIFEST).write_bytes(raw)
        _publish(incoming, published)
    return published


def _fetch_foreign(origin: Source, settings: FetchSettings, published: Path) -> bool:
    """Bring a directory of MLflow's, if it is one: what is of which size is known only when it is here."""
    try:
        raw = read_small(origin, mlflow.MLMODEL)
    except Failure as failure:
        if failure.reason is Reason.MODEL_NOT_FOUND:
            return False
        raise
    described = mlflow.parse(raw)
    _check_format(described.format, settings.format)
    incoming = settings.model_dir / INCOMING / settings.digest.removeprefix("sha256:")
    with _volume_errors(settings.model_dir):
        for path in described.files:
            download_unlisted(origin, path, incoming, settings.memory_limit)
        verify(read(incoming), settings.digest)
        _publish(incoming, published)
    return True


def _is_published(published: Path, digest: str) -> bool:
    try:
        verify(read(published), digest)
    except Failure:
        return False
    return True


def _check_format(found: str, wanted: str | None) -> None:
    if wanted is not None and wanted != found:
        raise Failure(
            Reason.FORMAT_MISMATCH,
            f"spec.model.format is {wanted}, the bundle's is {found}; leave spec.model.format out or write {found}",
        )


def _check_size(manifest: Manifest, incoming: Path, settings: FetchSettings) -> None:
    if settings.memory_limit is not None and manifest.size > settings.memory_limit:
        raise too_large(f"the model's files have {manifest.size} bytes", settings.memory_limit)
    incoming.mkdir(parents=True, exist_ok=True)
    paths = [incoming / listed.path for listed in manifest.files]
    missing = manifest.size - sum(size_of(path) + size_of(part_of(path)) for path in paths)
    free = shutil.disk_usage(incoming).free
    if missing > free:
        raise _no_room(f"{missing} bytes are to come, {free} are free")


@contextmanager
def _volume_errors(volume: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise _no_room(str(error.strerror)) from None
        raise Failure(
            Reason.VOLUME_UNWRITABLE, f"cannot write to {volume}: {error.strerror}; mount a writable volume there"
        ) from None


def _no_room(what: str) -> Failure:
    return Failure(
        Reason.MODEL_TOO_LARGE,
        f"the model does not fit its volume: {what}; free space on the node",
    )


def _publish(incoming: Path, published: Path) -> None:
    """One rename: whoever looks sees a whole bundle or none."""
    if published.exists():
        shutil.rmtree(published)
    incoming.rename(published)
