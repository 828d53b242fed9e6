"""A model that takes 200 ms a call, asked over 64 connections: has each its turn, and does health answer meanwhile?"""

from dataclasses import dataclass

import numpy as np

from benchmarks.serving import bodies, client
from benchmarks.serving.bodies import Asked
from benchmarks.serving.client import Answer, Load, request
from benchmarks.serving.models import NAME, patients, slow_call
from benchmarks.serving.servers import contender

CONNECTIONS = 64
PROBES = 20.0  # of health, each second


@dataclass(frozen=True, slots=True)
class SlowModel:
    """Latencies in ms. `worst_p99` and `median_p99` are over the connections' own 99th percentiles."""

    one_call: float
    worst_p99: float
    median_p99: float
    health_worst: float
    answered: int
    refused: int


def measure(seconds: int) -> SlowModel:
    """Load our server with the slow model."""
    rows, _ = patients()
    question = request(bodies.v2_json(rows[:1], NAME))
    alive = request(Asked("/v2/health/live", b"", {}), "GET")
    with contender(slow_call(), "slow-call") as server:
        alone = Load(server.ports.http, question, 1)
        client.run(3, alone)
        asking = Load(server.ports.http, question, CONNECTIONS)
        health = Load(server.ports.http, alive, 1, PROBES)
        client.run(seconds, asking, health)
        return _summary(alone, asking, health)


def _summary(alone: Load, asked: Load, health: Load) -> SlowModel:
    p99 = [_p99(answers) for answers in asked.answers.values()]
    statuses = [answer.status for answers in asked.answers.values() for answer in answers]
    return SlowModel(
        one_call=_milliseconds(alone, 50),
        worst_p99=max(p99) * 1e3,
        median_p99=float(np.median(p99)) * 1e3,
        health_worst=_milliseconds(health, 100),
        answered=statuses.count(200),
        refused=len(statuses) - statuses.count(200),
    )


def _p99(answers: list[Answer]) -> float:
    """Of the good answers; a connection that had none waited for ever."""
    latencies = [answer.latency for answer in answers if answer.status == 200]
    return float(np.percentile(latencies, 99)) if latencies else np.inf


def _milliseconds(load: Load, percentile: float) -> float:
    latencies = [answer.latency for answers in load.answers.values() for answer in answers]
    return float(np.percentile(latencies, percentile)) * 1e3
