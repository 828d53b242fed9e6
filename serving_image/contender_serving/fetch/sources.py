"""Where bundles come from. One class per kind of source, behind one method: adding a source is adding a class."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import quote, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, LocationParseError, MaxRetryError, SSLError

from contender_serving.credentials import Credentials, Secret, credentials
from contender_serving.failures import Failure, Reason

CHUNK = 1 << 20  # bytes
REDIRECTS = 5
TRUST = "give it one that is, or its authority as ca.crt in a Secret that spec.model.secretRef names"
TIMEOUT = urllib3.Timeout(connect=10, read=30)  # seconds


class Transient(Failure):
    """A failure that may be over at the next try."""


@dataclass(frozen=True, slots=True)
class Stream:
    """The bytes of a file from `start` on, which is 0 if the source cannot resume."""

    start: int
    chunks: Iterator[bytes]


class Source(Protocol):
    """A folder that holds a bundle."""

    def open(self, path: str, offset: int) -> AbstractContextManager[Stream]:
        """Read one file from `offset` bytes on.

        Raises `Failure`: ModelNotFound, ModelUnreadable; `Transient` where trying again may help.
        """


def source(uri: str, pvc_root: Path, secret: Secret | None = None) -> Source:
    """The source that a URI names. Raises `Failure` (ModelUnreadable, SecretUnusable): what to write instead."""
    try:
        parts = urlsplit(uri)
        host = parts.hostname
    except ValueError:
        raise _unreadable("the model's URI is not a URI; write https://host/folder/ or pvc://claim/folder") from None
    if parts.scheme in ("http", "https") and host and not parts.query:
        return HttpSource(uri, _shown_to(parts.scheme, secret))
    if parts.scheme == "pvc" and host:
        return PvcSource(pvc_root, parts.path.strip("/"), host)
    raise _unreadable(
        f"cannot read {parts.scheme or 'a model without a scheme'}://{host or ''}{parts.path}; "
        "write https://host/folder/ (without a query) or pvc://claim/folder"
    )


class HttpSource:
    """A folder on a web server. Ranges are asked for, and not needed."""

    def __init__(self, uri: str, shown: Credentials | None) -> None:
        self._folder = uri.rstrip("/") + "/"
        self._credentials = shown
        # No automatic tries but redirects: what is worth another try, and from which byte, is for the caller.
        retries = urllib3.Retry(connect=0, read=0, other=0, status=0, redirect=REDIRECTS)
        # Where a redirect leads to another host, urllib3 leaves the Authorization out.
        context = shown.context if shown else None
        self._pool = urllib3.PoolManager(retries=retries, timeout=TIMEOUT, ssl_context=context)

    @contextmanager
    def open(self, path: str, offset: int) -> Iterator[Stream]:
        """Read one file with a GET."""
        url = self._folder + quote(path)
        response = self._get(url, offset)
        try:
            _check_status(response.status, _shown(url), self._credentials)
            yield Stream(offset if response.status == 206 else 0, _chunks(response, _shown(url)))
        finally:
            response.close()

    def _get(self, url: str, offset: int) -> urllib3.BaseHTTPResponse:
        ranged = {"Range": f"bytes={offset}-"} if offset else {}
        headers = {"Accept-Encoding": "identity", **ranged, **(self._credentials.headers if self._credentials else {})}
        try:
            return self._pool.request("GET", url, headers=headers, preload_content=False)
        except LocationParseError:
            raise _unreadable(f"{_shown(url)} is not a URL; write https://host/folder/") from None
        except HTTPError as error:
            cause = error.reason if isinstance(error, MaxRetryError) else error
            if isinstance(cause, SSLError):
                raise _unreadable(f"{_shown(url)}: its certificate is not trusted; {TRUST}") from None
            raise _away(f"{_shown(url)} does not answer ({type(cause).__name__})") from None


class PvcSource:
    """A folder on a persistent volume that is mounted read-only at `root`."""

    def __init__(self, root: Path, folder: str, claim: str) -> None:
        self._root, self._folder, self._claim = root, folder, claim

    @contextmanager
    def open(self, path: str, offset: int) -> Iterator[Stream]:
        """Read one file; symbolic links may not leave the volume."""
        shown = f"pvc://{self._claim}/{self._folder}/{path}"
        with _disk_errors(shown):
            file = self._inside(path, shown).open("rb")
        with file:
            file.seek(offset)
            yield Stream(offset, _blocks(file, shown))

    def _inside(self, path: str, shown: str) -> Path:
        folder = self._root / self._folder
        if not folder.is_dir():
            raise _unreadable(f"pvc://{self._claim}/{self._folder} is no folder on the volume; put the bundle there")
        target = (folder / path).resolve()
        if not target.is_relative_to(self._root.resolve()):
            raise Failure(Reason.INVALID_BUNDLE, f"{shown} leads out of the volume; put the file itself there")
        return target


@contextmanager
def _disk_errors(shown: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise _not_found(shown) from None
    except PermissionError:
        raise _unreadable(f"{shown} may not be read by this user; make it readable for uid 65532") from None
    except OSError as error:
        raise Transient(Reason.MODEL_UNREADABLE, f"{shown} cannot be read: {error.strerror}; mend the volume") from None


def _blocks(file: BinaryIO, shown: str) -> Iterator[bytes]:
    with _disk_errors(shown):
        while block := file.read(CHUNK):
            yield block


def _shown_to(scheme: str, secret: Secret | None) -> Credentials | None:
    if secret is None:
        return None
    if scheme != "https":
        raise secret.refused("would be readable on the wire: write spec.model.uri with https://")
    return credentials(secret)


def _check_status(status: int, shown: str, known: Credentials | None) -> None:
    if status in (200, 206):
        return
    if status in (404, 410):
        raise _not_found(shown)
    if status in (401, 403):
        mend = f"mend Secret {known.secret}" if known else "name a Secret with them in spec.model.secretRef"
        raise _unreadable(f"{shown} answers {status}: it asks for {'other ' if known else ''}credentials; {mend}")
    if status == 416:
        raise Transient(Reason.FILE_CORRUPT, f"{shown} is shorter than contender.yaml says; upload the bundle again")
    if status in (408, 429) or status >= 500:
        raise _away(f"{shown} answers {status}")
    raise _unreadable(f"{shown} answers {status}; check spec.model.uri")


def _chunks(response: urllib3.BaseHTTPResponse, shown: str) -> Iterator[bytes]:
    try:
        # read1 hands over what has arrived: were a chunk filled first, a connection that breaks would lose it
        while chunk := response.read1(CHUNK):
            yield chunk
    except HTTPError as error:
        raise _away(f"{shown} broke off ({type(error).__name__})") from None


def _shown(url: str) -> str:
    """The URL without what may be secret in it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}"


def _not_found(shown: str) -> Failure:
    return Failure(Reason.MODEL_NOT_FOUND, f"{shown} does not exist; check spec.model.uri, or upload the bundle there")


def _unreadable(what: str) -> Failure:
    return Failure(Reason.MODEL_UNREADABLE, what)


def _away(what: str) -> Transient:
    return Transient(Reason.MODEL_UNREADABLE, f"{what}; check spec.model.uri and that the cluster reaches it")
