"""The matrix: each server with each model, asked each case, in rounds interleaved over the servers."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product

from benchmarks.serving import closed_loop
from benchmarks.serving.bodies import JSON_1, Case
from benchmarks.serving.checks import Problem, problems
from benchmarks.serving.closed_loop import Sample
from benchmarks.serving.models import Model
from benchmarks.serving.servers import ENCODINGS, Server, asked, bounds, names, serving

CONNECTIONS = (1, 16, 64)


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure's place: a server, its model, what it is asked, over how many connections."""

    server: str
    model: str
    case: str
    connections: int


@dataclass(frozen=True, slots=True)
class Effort:
    """How much a run takes: rounds of the matrix, and seconds for each cell."""

    rounds: int
    seconds: int


Samples = dict[Cell, list[Sample]]


def measure(model: Model, effort: Effort, tell: Callable[[str], None]) -> tuple[Samples, list[Problem]]:
    """All cells of a model. Its servers all run from the first round to the last; one at a time is asked."""
    samples: Samples = defaultdict(list)
    with ExitStack() as stack:
        servers = [stack.enter_context(serving(name, model)) for name in (*names(model), *bounds(model))]
        wrong = [problem for server in servers for problem in problems(server, model)]
        skipped = {(problem.server, problem.encoding) for problem in wrong}
        for number in range(effort.rounds):
            for case, connections, server in _places(model, servers):
                if (server.name, case.encoding) in skipped:
                    continue
                tell(f"{model.name}, round {number + 1}: {case.name}, c={connections}, {server.name}")
                cell = Cell(server.name, model.name, case.name, connections)
                samples[cell].append(sample(server, model, case, connections, effort.seconds))
    return samples, wrong


def _places(model: Model, servers: list[Server]) -> Iterator[tuple[Case, int, Server]]:
    """One round. The first model is asked all; the others over 1 and 64 connections only one row of JSON."""
    for case, connections, server in product(model.cases, CONNECTIONS, servers):
        whole = model.name == "lr" and server.name not in bounds(model)
        asked_so = whole or case == JSON_1 or (connections == 16 and model.name != "lr")
        if asked_so and case.encoding in ENCODINGS[server.name]:
            yield case, connections, server


def sample(server: Server, model: Model, case: Case, connections: int, seconds: int) -> Sample:
    """Load one server with one case."""
    question = asked(server.name, model, case)
    load = closed_loop.grpc if case.encoding == "grpc" else closed_loop.http
    return load(server.url(question.path, case), question, connections, seconds)
