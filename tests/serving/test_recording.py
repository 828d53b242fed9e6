"""What a server keeps of the latest answers, for whoever compares two variants on the same requests."""

import random
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest

from contender_serving.recording import KEPT_AFTER_A_READ, LATEST, MOST, Recording
from tests import models
from tests.serving.process import Server


def ids(recording: Recording, now: float = 0.0) -> set[str]:
    return {request for _, request, *_ in recording.read(now)["answers"]}


def test_an_answer_is_kept_with_its_number_age_status_and_time() -> None:
    recording = Recording()
    recording.read(0.0)
    recording.note(b"one", 200, 0.0021, now=1.0)
    recording.note(b"two", 500, 0.5, now=2.0)
    answers = recording.read(3.0)["answers"]

    assert [(number, *rest) for number, _, *rest in answers] == [(1, 2.0, 200, 0.0021), (2, 1.0, 500, 0.5)]
    assert [request for _, request, *_ in answers] == [
        blake2b(each, digest_size=8).hexdigest() for each in (b"one", b"two")
    ]


def test_reading_takes_nothing_away_until_nobody_has_read_for_long() -> None:
    recording = Recording()
    recording.read(0.0)
    recording.note(b"one", 200, 0.1, now=1.0)

    assert ids(recording, 2.0) == ids(recording, 3.0) != set()
    assert recording.until == 3.0 + KEPT_AFTER_A_READ
    assert ids(recording, 3.0 + KEPT_AFTER_A_READ) == set()


def test_only_the_latest_are_kept() -> None:
    recording = Recording()
    recording.read(0.0)
    for second in range(LATEST // 20 * 2):
        for number in range(20):
            recording.note(b"%d-%d" % (second, number), 200, 0.1, now=second)

    assert len(ids(recording)) == LATEST


@pytest.mark.parametrize("rate", [50, 1_000, 20_000])
def test_of_many_requests_about_a_hundred_a_second_are_kept(rate: int) -> None:
    recording = Recording()
    recording.read(0.0)
    for number in range(10 * rate):
        recording.note(b"%d" % number, 200, 0.1, now=number / rate)
    kept = [answer for answer in recording.read(10.0)["answers"] if answer[2] <= 5]  # once the bound has settled

    assert min(rate, MOST // 4) * 5 * 0.8 <= len(kept) <= min(rate, 1.5 * MOST) * 5


def test_two_servers_of_unlike_load_keep_the_same_requests() -> None:
    dice, busy, calm = random.Random(1), Recording(), Recording()
    for recording in (busy, calm):
        recording.read(0.0)
    for number in range(20_000):
        request = b"%d" % dice.getrandbits(64)
        busy.note(request, 200, 0.1, now=number / 2_000)
        if number % 2:  # half of the load of the other
            calm.note(request, 200, 0.1, now=number / 2_000)
    of_busy, of_calm = ids(busy), ids(calm)

    assert len(of_busy & of_calm) >= 0.3 * len(of_busy)


def test_a_server_tells_of_its_answers_once_it_was_asked(tmp_path: Path) -> None:
    models.good_v1(tmp_path / "bundle")
    server = Server(tmp_path, tmp_path / "termination-log", {})
    server.wait_until_ready()
    body = models.v2_request(models.digits()[0][:1])

    def ask(path: str, request_id: str) -> None:
        server.post(path, body, **{"x-request-id": request_id})

    def told() -> Any:
        return server.get("/metrics/answers").json()

    try:
        ask("/v2/models/churn/infer", "before anybody asked")
        first = told()
        ask("/v2/models/churn/infer", "good")
        ask("/v2/models/other/infer", "bad")
        server.infer(body)  # without an id
        server.get("/v2/models/churn")
        second = told()
    finally:
        server.close()

    assert first["answers"] == []
    assert second["process"] == first["process"]
    assert [status for _, _, _, status, _ in second["answers"]] == [200, 404]
    assert all(0 < seconds < 60 for *_, seconds in second["answers"])
