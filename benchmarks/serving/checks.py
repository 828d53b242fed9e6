"""A server that answers a kind of request wrongly is not measured with it."""

import json
import urllib.request
from dataclasses import dataclass

import grpc
import numpy as np
from numpy.typing import ArrayLike
from tritonclient.grpc import service_pb2

from benchmarks.serving.bodies import BINARY_1024, GRPC_1, JSON_32, Case
from benchmarks.serving.models import Model
from benchmarks.serving.processes import HOST
from benchmarks.serving.servers import BARE, ENCODINGS, FASTAPI, Server, asked

PATIENCE = 30.0  # seconds for an answer


@dataclass(frozen=True, slots=True)
class Problem:
    """What a server did not answer as the estimator does, and so is not measured with."""

    server: str
    model: str
    encoding: str
    what: str


def problems(server: Server, model: Model) -> list[Problem]:
    """Ask each way once that the server has and the model is asked in."""
    if server.name == BARE:
        return []
    ways = [case for case in (JSON_32, BINARY_1024, GRPC_1) if case in model.cases]
    found = ((case, _problem(server, model, case)) for case in ways if case.encoding in ENCODINGS[server.name])
    return [Problem(server.name, model.name, case.encoding, what) for case, what in found if what]


def _problem(server: Server, model: Model, case: Case) -> str | None:
    ask = {"json": _labels, "binary": _count, "grpc": _call}[case.encoding]
    try:
        said = ask(server, model, case)
    except (OSError, ValueError, LookupError, grpc.RpcError) as error:
        return f"{type(error).__name__}: {error}"
    expected = model.labels[: case.rows] if case.encoding == "json" else case.rows
    return None if np.array_equal(said, expected) else "it answers otherwise than the estimator"


def _labels(server: Server, model: Model, case: Case) -> ArrayLike:
    said = json.loads(_posted(server, model, case))
    return np.ravel(said["predictions"] if server.name == FASTAPI else said["outputs"][0]["data"])


def _count(server: Server, model: Model, case: Case) -> ArrayLike:
    """The rows of the answer, whose JSON comes before the tensors' bytes."""
    said, _ = json.JSONDecoder().raw_decode(_posted(server, model, case).decode("latin-1"))
    return int(said["outputs"][0]["shape"][0])


def _call(server: Server, model: Model, case: Case) -> ArrayLike:
    """The load generator does not see gRPC's own status, which comes after the answer: this does."""
    question = asked(server.name, model, case)
    with grpc.insecure_channel(f"{HOST}:{server.ports.grpc}") as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(question.path)
        answer = call(question.body[5:], timeout=PATIENCE, wait_for_ready=True)
    return int(service_pb2.ModelInferResponse.FromString(answer).outputs[0].shape[0])


def _posted(server: Server, model: Model, case: Case) -> bytes:
    question = asked(server.name, model, case)
    request = urllib.request.Request(  # noqa: S310, always our own loopback
        server.url(question.path), question.body, question.headers
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
        body: bytes = answer.read()
        return body
