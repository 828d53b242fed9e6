"""Bytes to requests: httptools (llhttp, strict) finds the messages, this keeps them to the limits and to RFC 9112."""

from typing import Protocol
from urllib.parse import urlsplit

import httptools

from contender_serving.http.limits import Limits
from contender_serving.http.message import Refused, Request


class Receiver(Protocol):
    """Who is told what arrived."""

    def head_arrived(self, request: Request) -> None:
        """A request's head is whole; its body follows."""

    def request_arrived(self, request: Request) -> None:
        """The request whose head arrived last is whole."""

    def body_expected(self) -> None:
        """The client sends the body of that request when it is told to go on."""


class Parser:
    """One connection's requests, in their order, however their bytes were cut."""

    def __init__(self, receiver: Receiver, limits: Limits) -> None:
        self._receiver, self._limits = receiver, limits
        self._parser = httptools.HttpRequestParser(self)
        self._request: Request | None = None
        self._upgrading = self._resuming = self._ended = False
        self.receiving = False  # whether a message has begun and is not whole
        self.received = 0  # bytes of it, apart from those that came together with its first
        self.messages = 0  # that have begun

    def feed(self, data: bytes) -> None:
        """Take what arrived. Raises `Refused`; it must not be fed after that."""
        if self._ended:  # what follows a client's last request is not looked at
            return
        if self.receiving:
            self.received += len(data)
        self._parse(data)
        if self.receiving:
            self._check_received()

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            raise error.__context__ or error from None
        except httptools.HttpParserError as error:
            if not self._ended:
                raise Refused(400, f"this is not HTTP/1.1: {error}") from None

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Read on as if the client had not offered another protocol, after which llhttp looks for no body."""
        framing = [(name, self._headers.get(name)) for name in (b"content-length", b"transfer-encoding")]
        fields = b"".join([b"%b: %b\r\n" % (name, value) for name, value in framing if value])
        self._parser = httptools.HttpRequestParser(self)
        self._upgrading, self._resuming = False, True
        self._parse(b"POST / HTTP/1.1\r\n%b\r\n%b" % (fields, rest))

    def _check_received(self) -> None:
        if self._request is None and self.received > self._limits.line + self._limits.head:
            raise self._head_too_large()
        if self.received > self._limits.raw:
            raise self._body_too_large()

    def _head_too_large(self) -> Refused:
        return Refused(431, f"the header fields are larger than {self._limits.head} bytes; send less of them")

    def _body_too_large(self) -> Refused:
        return Refused(413, f"the body is larger than {self._limits.body} bytes; send fewer rows at once")

    # What httptools calls.

    def on_message_begin(self) -> None:
        """The first byte of a message."""
        if self._resuming:
            return
        self._url, self._head, self._request = b"", 0, None
        self._headers: dict[bytes, bytes] = {}
        self._body: bytes | bytearray = b""
        self.receiving, self.received = True, 0
        self.messages += 1

    def on_url(self, part: bytes) -> None:
        """A part of the request's target."""
        if self._resuming:
            return
        self._url += part
        if len(self._url) > self._limits.line:
            raise Refused(414, f"the request's path is longer than {self._limits.line} bytes; send data in the body")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header field, or a trailer field, which nobody reads."""
        if self._request is not None:
            return
        self._head += len(name) + len(value)
        if self._head > self._limits.head:
            raise self._head_too_large()
        name, value, headers = name.lower(), value.rstrip(), self._headers
        headers[name] = headers[name] + b", " + value if name in headers else value

    def on_headers_complete(self) -> None:
        """The end of the head."""
        if self._resuming:
            self._resuming = False
            return
        parser, headers = self._parser, self._headers
        version = parser.get_http_version()
        _check_head(version, headers)
        path, query = _target(self._url)
        method, keep_alive = parser.get_method().decode(), parser.should_keep_alive()
        self._request = request = Request(method, path, query, headers, b"", version == "1.1", keep_alive)
        self._upgrading = parser.should_upgrade()
        self._receiver.head_arrived(request)
        if int(headers.get(b"content-length", 0)) > self._limits.body:
            raise self._body_too_large()
        if b"expect" in headers and version == "1.1":
            self._receiver.body_expected()

    def on_body(self, part: bytes) -> None:
        """A part of the body."""
        if not self._body:
            self._body = part
        else:
            self._body = bytearray(self._body) if isinstance(self._body, bytes) else self._body
            self._body += part
        if len(self._body) > self._limits.body:
            raise self._body_too_large()

    def on_message_complete(self) -> None:
        """The last byte of a message."""
        if self._upgrading or self._request is None:
            return
        self._request.body = bytes(self._body)
        self.receiving, self._body = False, b""
        self._ended = not self._request.keep_alive
        self._receiver.request_arrived(self._request)


def _check_head(version: str, headers: dict[bytes, bytes]) -> None:
    """Raise `Refused` for what two servers on the way could read differently (RFC 9112, 3.2 and 6.1)."""
    if version not in ("1.1", "1.0"):
        raise Refused(505, "send HTTP/1.1")
    if version == "1.1" and (b"host" not in headers or b"," in headers[b"host"]):
        raise Refused(400, "send one Host header")
    if b"transfer-encoding" in headers:
        if version == "1.0":
            raise Refused(400, "HTTP/1.0 has no Transfer-Encoding; send Content-Length")
        if headers[b"transfer-encoding"].lower() != b"chunked":
            raise Refused(501, "the only Transfer-Encoding that is read is chunked")
    if b"expect" in headers and headers[b"expect"].lower() != b"100-continue":
        raise Refused(417, "the only Expect that is met is 100-continue")


def _target(url: bytes) -> tuple[str, str]:
    """Path and query; of an absolute URL, as a client sends it to a proxy, too."""
    target = url.decode("latin-1")
    if target.startswith("/"):
        path, _, query = target.partition("?")
        return path, query
    try:
        parts = urlsplit(target)
    except ValueError:
        raise Refused(400, "the request's target is no URL") from None
    return parts.path or "/", parts.query
