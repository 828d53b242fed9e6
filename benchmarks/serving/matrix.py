"""The matrix: each server with each model, asked each case, in rounds interleaved over the servers."""

import json
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from benchmarks.serving import closed_loop
from benchmarks.serving.bodies import BINARY_1, BINARY_1024, GRPC_1, JSON_1, JSON_32, Case
from benchmarks.serving.closed_loop import Sample
from benchmarks.serving.models import Model
from benchmarks.serving.servers import BARE, ENCODINGS, FASTAPI, Server, asked, names, serving

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


def measure(model: Model, effort: Effort, tell: Callable[[str], None]) -> Samples:
    """All cells of a model. Its servers all run from the first round to the last; one at a time is asked."""
    samples: Samples = defaultdict(list)
    with ExitStack() as stack:
        servers = [stack.enter_context(serving(name, model)) for name in names(model)]
        for server in servers:
            _check(server, model)
        for number in range(effort.rounds):
            for case, connections in cases(model):
                for server in servers:
                    if case.encoding not in ENCODINGS[server.name]:
                        continue
                    tell(f"{model.name}, round {number + 1}: {case.name}, c={connections}, {server.name}")
                    cell = Cell(server.name, model.name, case.name, connections)
                    samples[cell].append(sample(server, model, case, connections, effort.seconds))
    return samples


def cases(model: Model) -> Iterator[tuple[Case, int]]:
    """All cases over all numbers of connections for the first model; for the others all but JSON of one row at c=16."""
    for case in (JSON_1, JSON_32, BINARY_1, BINARY_1024, GRPC_1):
        for connections in CONNECTIONS:
            if model.name == "lr" or case == JSON_1 or connections == 16:
                yield case, connections


def sample(server: Server, model: Model, case: Case, connections: int, seconds: int) -> Sample:
    """Load one server with one case."""
    question = asked(server.name, model, case)
    load = closed_loop.grpc if case.encoding == "grpc" else closed_loop.http
    return load(server.url(question.path, case), question, connections, seconds)


def _check(server: Server, model: Model) -> None:
    """A server that answers wrongly is not measured: raises RuntimeError."""
    if server.name == BARE:
        return
    question = asked(server.name, model, JSON_32)
    request = urllib.request.Request(  # noqa: S310, always our own loopback
        server.url(question.path), question.body, question.headers
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        said = json.load(answer)
    labels = said["predictions"] if server.name == FASTAPI else said["outputs"][0]["data"]
    if not np.array_equal(np.ravel(labels), model.labels[: JSON_32.rows]):
        raise RuntimeError(f"{server.name} answers {model.name} wrongly")
