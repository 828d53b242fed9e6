"""A model of some milliseconds a row, asked five times what it can: how much of that does it still answer?"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from benchmarks.serving import bodies, client
from benchmarks.serving.client import Load, request
from benchmarks.serving.models import NAME, slow_rows
from benchmarks.serving.processes import Process
from benchmarks.serving.servers import contender
from tests.models import digits

TIMES = 5.0
MAX_WAIT = "2"  # seconds; with the 20 of the default, it would take as many connections more to be too many
CONNECTIONS = 900  # more than the server lets wait, so that what comes is the rate and not the connections
CAPACITY_CONNECTIONS = 16
LOOKS = 20  # at the memory, while it is overloaded


@dataclass(frozen=True, slots=True)
class Overload:
    """Rates per second; `memory` is in MB, at looks evenly spread over the overload."""

    capacity: float
    offered: float
    goodput: float
    refused: float
    unanswered: float
    p99: float  # milliseconds, of the good answers
    memory: list[float]


def measure(seconds: int) -> Overload:
    """Overload our server for `seconds`, after a fifth of that at its capacity."""
    rows, _ = digits()
    question = request(bodies.v2_json(rows[:1], NAME))
    with contender(slow_rows(), "slow-rows", CONTENDER_MAX_WAIT=MAX_WAIT) as server:
        asking = Load(server.ports.http, question, CAPACITY_CONNECTIONS)
        client.run(seconds / 5, asking)
        capacity = _rate(asking, 200, seconds / 5)
        flood = Load(server.ports.http, question, CONNECTIONS, TIMES * capacity)
        with watched(server.process, seconds) as memory:
            client.run(seconds, flood)
    return _summary(capacity, flood, memory, seconds)


@contextmanager
def watched(process: Process, seconds: float) -> Iterator[list[float]]:
    """Its memory, looked at now and then while the block runs."""
    looks: list[float] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(seconds / LOOKS):
            looks.append(process.memory())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield looks
    finally:
        over.set()
        thread.join()


def _summary(capacity: float, flood: Load, memory: list[float], seconds: float) -> Overload:
    good = [answer.latency for answers in flood.answers.values() for answer in answers if answer.status == 200]
    return Overload(
        capacity=capacity,
        offered=sum(map(len, flood.answers.values())) / seconds,
        goodput=len(good) / seconds,
        refused=_rate(flood, 503, seconds),
        unanswered=_rate(flood, 0, seconds),
        p99=float(np.percentile(good, 99)) * 1e3,
        memory=memory,
    )


def _rate(load: Load, status: int, seconds: float) -> float:
    return sum(answer.status == status for answers in load.answers.values() for answer in answers) / seconds
