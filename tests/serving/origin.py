"""A web server with ranges, over a folder, that can be told to misbehave: what bundles are fetched from."""

import re
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType


class Origin(ThreadingHTTPServer):
    """Serves `folder`; `faults` maps a path to what its next requests get, one each.

    With `tls` over https; who does not show the `login` it wants, as an Authorization, gets 401.
    """

    daemon_threads = True

    def __init__(self, folder: Path, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.scheme = "https" if tls else "http"
        self.folder = folder
        self.login: str | None = None
        self.redirect: str | None = None  # where every request is sent on to
        self.shown: list[str | None] = []  # the Authorization of each request
        self.ranges = True
        self.faults: dict[str, list[int | str]] = {}  # a status, or "cut": the connection breaks off half way
        self.asked: list[tuple[str, str | None]] = []  # path and Range of each request

    @property
    def uri(self) -> str:
        """Where the folder is."""
        return f"{self.scheme}://127.0.0.1:{self.server_port}/"

    def __enter__(self) -> "Origin":
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Origin

    def do_GET(self) -> None:
        path = self.path.lstrip("/")
        wanted = self.headers.get("Range")
        self.server.asked.append((path, wanted))
        self.server.shown.append(self.headers.get("Authorization"))
        faults = self.server.faults.get(path, [])
        fault = faults.pop(0) if faults else None
        if isinstance(fault, int):
            self._answer(fault, b"")
        elif self.server.login not in (None, self.headers.get("Authorization")):
            self._answer(401, b"")
        elif self.server.redirect:
            self._answer(302, b"", headers={"Location": self.server.redirect + path})
        elif not (self.server.folder / path).is_file():
            self._answer(404, b"")
        else:
            self._file((self.server.folder / path).read_bytes(), wanted, cut=fault == "cut")

    def _file(self, content: bytes, wanted: str | None, *, cut: bool) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", wanted or "") if self.server.ranges else None
        start = int(asked[1]) if asked else 0
        if asked and start >= len(content):
            self._answer(416, b"")
            return
        rest = content[start:]
        ranged = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if asked else {}
        self._answer(206 if asked else 200, rest[: len(rest) // 2] if cut else rest, len(rest), ranged)
        self.close_connection = cut

    def _answer(
        self, status: int, body: bytes, length: int | None = None, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body) if length is None else length)} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing; `Origin.asked` remembers."""
