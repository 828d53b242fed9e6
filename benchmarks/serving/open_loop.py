"""Open loop: requests come at a fixed rate, half of what each server can, whether or not the last were answered."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.serving import client
from benchmarks.serving.bodies import JSON_1
from benchmarks.serving.client import Load, request
from benchmarks.serving.matrix import sample
from benchmarks.serving.models import Model
from benchmarks.serving.servers import asked, names, serving

CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class OpenLoop:
    """At `rate` requests per second: the share that was answered well, and latencies in ms from when each was due."""

    rate: float
    answered: float
    p50: float
    p99: float


def measure(model: Model, seconds: int, tell: Callable[[str], None]) -> dict[str, OpenLoop]:
    """Each server of a model, at half of its own capacity with one row a request."""
    found = {}
    for name in names(model):
        tell(f"open loop: {name}, {model.name}")
        with serving(name, model) as server:
            capacity = sample(server, model, JSON_1, CONNECTIONS, seconds).rate
            load = Load(server.ports.http, request(asked(name, model, JSON_1)), CONNECTIONS, capacity / 2)
            client.run(seconds, load)
            found[name] = summary(load, seconds)
    return found


def summary(load: Load, seconds: float) -> OpenLoop:
    """What the answers say."""
    answers = [answer for of_connection in load.answers.values() for answer in of_connection]
    fine = [answer.latency * 1e3 for answer in answers if answer.status == 200]
    p50, p99 = np.percentile(fine, (50, 99))
    rate = load.rate or len(answers) / seconds
    return OpenLoop(rate, len(fine) / (rate * seconds), float(p50), float(p99))
