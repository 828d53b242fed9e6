"""Cold starts: from the process's start to its first ready answer, and what it takes of memory once it has answered."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.serving.bodies import JSON_1
from benchmarks.serving.matrix import sample
from benchmarks.serving.models import Model
from benchmarks.serving.servers import names, serving


@dataclass(frozen=True, slots=True)
class Start:
    """One start: seconds to ready, and MB of proportional set size after a second of requests."""

    seconds: float
    memory: float


def measure(model: Model, times: int, tell: Callable[[str], None]) -> dict[str, list[Start]]:
    """Start each server of a model some times, in turn. What the disk has to be read for is read before."""
    starts: dict[str, list[Start]] = defaultdict(list)
    for number in range(times):
        for name in names(model):
            tell(f"start {number + 1} of {name}, {model.name}")
            with serving(name, model) as server:
                sample(server, model, JSON_1, 1, 1)
                starts[name].append(Start(server.process.ready_after, server.process.memory()))
    return starts
