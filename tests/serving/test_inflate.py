"""Compressed bodies: what they were, or an error that says what to send; never more than a plain body may be."""

import gzip
import zlib
from collections.abc import Callable

import pytest

from contender_serving.http import Refused, Request
from contender_serving.http.inflate import inflated
from tests import models
from tests.serving.process import Server

LIMIT = 1000


def request(body: bytes, coding: bytes = b"gzip") -> Request:
    return Request("POST", "/", "", {b"content-encoding": coding}, body)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (b"gzip", gzip.compress(b"plain")),
        (b"X-GZIP", gzip.compress(b"plain")),
        (b"deflate", zlib.compress(b"plain")),
        (b"identity", b"plain"),
    ],
)
def test_what_was_compressed_is_read(coding: bytes, body: bytes) -> None:
    assert inflated(request(body, coding), LIMIT) == b"plain"


@pytest.mark.parametrize(
    ("body", "coding", "status"),
    [
        pytest.param(gzip.compress(bytes(1001)), b"gzip", 413, id="too large"),
        pytest.param(gzip.compress(bytes(100_000_000)), b"gzip", 413, id="a bomb"),
        pytest.param(gzip.compress(b"plain")[:-1], b"gzip", 400, id="cut off"),
        pytest.param(gzip.compress(b"plain") * 2, b"gzip", 400, id="two streams"),
        pytest.param(b"plain", b"gzip", 400, id="not compressed"),
        pytest.param(b"", b"gzip", 400, id="nothing"),
        pytest.param(b"plain", b"br", 415, id="compressed otherwise"),
        pytest.param(gzip.compress(gzip.compress(b"plain")), b"gzip, gzip", 415, id="compressed twice"),
    ],
)
def test_what_cannot_be_read_is_refused(body: bytes, coding: bytes, status: int) -> None:
    with pytest.raises(Refused) as refused:
        inflated(request(body, coding), LIMIT)

    assert refused.value.response.status == status


def test_a_server_takes_compressed_requests(served: Callable[[str], Server]) -> None:
    server = served("good_v1")
    body = models.v2_request(models.digits()[0][:3])

    compressed = server.post("/v2/models/churn/infer", gzip.compress(body), **{"Content-Encoding": "gzip"})

    assert compressed.json() == server.infer(body).json()
