"""Requests, responses, and how a response's head is written."""

from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import msgspec

CLIENT_GONE = 499  # as proxies count a client that went away before its answer
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

Field = tuple[bytes, bytes]


class Request(msgspec.Struct):
    """A request; its body is empty until it is whole."""

    method: str
    path: str  # as it was sent: percent-encoded
    query: str
    headers: Mapping[bytes, bytes]  # names in lower case; repeated ones joined by a comma
    body: bytes = b""
    http11: bool = True
    keep_alive: bool = True
    began: float = 0.0  # when the application saw it arrive


class Response(msgspec.Struct, frozen=True):
    """An answer."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: tuple[Field, ...] = ()


class Refused(Exception):
    """A request that gets an error for what HTTP knows of it; the message says what to send instead."""

    def __init__(self, status: int, message: str, *headers: Field) -> None:
        super().__init__(message)
        self.response = error(status, message, *headers)


def as_json(content: Any, status: int = 200, *headers: Field) -> Response:
    """An answer of JSON."""
    return Response(status, msgspec.json.encode(content), headers=headers)


def error(status: int, message: str, *headers: Field) -> Response:
    """An error, as every path answers it."""
    return as_json({"error": message}, status, *headers)


def head_of(response: Response, general: bytes) -> bytes:
    """A response's head, with some general header lines."""
    start = _start(response.status, response.content_type)
    fields = b"".join([b"%b: %b\r\n" % field for field in response.headers])
    return b"%b%d\r\n%b%b\r\n" % (start, len(response.body), fields, general)


@lru_cache
def _start(status: int, content_type: str) -> bytes:
    phrase = HTTPStatus(status).phrase
    return f"HTTP/1.1 {status} {phrase}\r\ncontent-type: {content_type}\r\ncontent-length: ".encode()
