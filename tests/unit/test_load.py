"""The load generator against a server of our own: what it records is what the end-to-end tests believe."""

import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.load import Load, Record, Recording

PATIENCE = 60  # seconds, for what takes less than one: only a failure uses them up

Answering = Callable[[BaseHTTPRequestHandler, bytes], None]


def say(handler: BaseHTTPRequestHandler, status: int, variant: str) -> None:
    handler.send_response(status)
    handler.send_header("x-contender-variant", variant)
    handler.send_header("content-length", "0")
    handler.end_headers()


@contextmanager
def serving(answer: Answering) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            answer(self, self.rfile.read(int(self.headers["content-length"])))

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def until(recording: Recording, count: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while len(recording) < count:
        assert time.monotonic() < deadline, f"{len(recording)} answers of {count}"
        time.sleep(0.01)


def record(sent: float, *, variant: str = "aa", status: int | None = 200, latency: float = 0.0) -> Record:
    return Record(sent, latency, status, "", variant, 1)


def test_every_request_is_recorded_with_its_status_and_variant() -> None:
    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        failing = int(body) % 4 == 0
        say(handler, 500 if failing else 200, "bb" if failing else "aa")

    with serving(answer) as url, Load(url, rate=400, body=lambda number: b"%d" % number) as recording:
        until(recording, 40)
    first = Recording(sorted(recording, key=lambda record: record.sent)[:40])

    assert {record.status for record in first.of("aa")} == {200}
    assert {record.status for record in first.of("bb")} == {500}
    assert len(first.failed()) == len(first.of("bb")) == 10


def test_it_ends_by_itself_and_sends_no_more_than_its_rate() -> None:
    load = Load("", rate=100, body=lambda _: b"{}", limit=0.5)

    with serving(lambda handler, _: say(handler, 200, "aa")) as url:
        load.url = url
        with load as recording:
            until(recording, 51)
            time.sleep(0.5)  # for those that must not come

    assert len(recording) == 51


def test_a_request_that_nobody_answers_is_a_failed_one_with_its_reason() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with Load(f"http://127.0.0.1:{held.getsockname()[1]}", rate=100, body=lambda _: b"{}") as recording:
            until(recording, 1)

    assert recording.failed()[0].status is None
    assert "Connect" in recording.failed()[0].error


def test_a_client_that_retries_does_so_once_and_says_so() -> None:
    refused: set[bytes] = set()

    def refuse_each_body_once(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        status = 200 if body in refused else 503
        refused.add(body)  # before it is said: the retry comes at once, on another thread
        say(handler, status, "aa")

    with (
        serving(refuse_each_body_once) as url,
        Load(url, rate=100, body=lambda number: b"%d" % number, retry_after=0.0) as recording,
    ):
        until(recording, 5)

    assert not recording.failed()
    assert len(recording.retried()) == len(recording)


def test_an_error_in_the_body_is_not_swallowed() -> None:
    asked = threading.Event()

    def broken(number: int) -> bytes:
        asked.set()
        raise KeyError(number)

    with pytest.RaisesGroup(KeyError), Load("http://127.0.0.1:9", rate=100, body=broken):
        assert asked.wait(PATIENCE)


def test_a_window_counts_by_the_time_of_the_answer_and_sent_since_by_the_time_of_sending() -> None:
    recording = Recording([record(1.0), record(2.0), record(1.5, latency=1.0), record(3.0)])

    assert len(recording.between(2.0, 3.0)) == 2
    assert len(recording.sent_since(2.0)) == 2


def test_share_is_the_part_of_all_requests_in_percent() -> None:
    recording = Recording([record(1), record(2), record(3, variant="bb"), record(4, status=None)])

    assert recording.share("bb") == 25
    assert Recording().share("bb") == 0


def test_first_and_last_seen_are_times_of_sending() -> None:
    recording = Recording([record(2, variant="bb"), record(1, variant="bb", latency=5), record(9)])

    assert (recording.first_seen("bb"), recording.last_seen("bb")) == (1, 2)
    assert recording.last_seen("cc") is None


@pytest.mark.parametrize(("slow", "expected"), [(1, 0.0), (2, 5.0)])
def test_p99_leaves_one_request_in_a_hundred_above_it(slow: int, expected: float) -> None:
    recording = Recording([record(n, latency=5.0 if n < slow else 0.0) for n in range(100)])

    assert recording.p99() == expected


def test_p99_of_nothing_is_no_number() -> None:
    assert math.isnan(Recording().p99())
