"""A server that answers wrongly is not measured."""

import json
import urllib.request

import grpc
import numpy as np

from benchmarks.serving.bodies import BINARY_1024, GRPC_1, JSON_32, Case
from benchmarks.serving.models import Model
from benchmarks.serving.processes import HOST
from benchmarks.serving.servers import BARE, ENCODINGS, FASTAPI, Server, asked

PATIENCE = 30.0  # seconds for an answer


def check(server: Server, model: Model) -> None:
    """Ask each way once. Raises RuntimeError, or what the client raises, if the answer is not the estimator's."""
    if server.name == BARE:
        return
    said = json.loads(_posted(server, model, JSON_32))
    labels = said["predictions"] if server.name == FASTAPI else said["outputs"][0]["data"]
    if not np.array_equal(np.ravel(labels), model.labels[: JSON_32.rows]):
        raise RuntimeError(f"{server.name} answers {model.name} wrongly")
    if BINARY_1024 in model.cases and BINARY_1024.encoding in ENCODINGS[server.name]:
        _posted(server, model, BINARY_1024)
    if GRPC_1 in model.cases and GRPC_1.encoding in ENCODINGS[server.name]:
        _called(server, model)


def _posted(server: Server, model: Model, case: Case) -> bytes:
    question = asked(server.name, model, case)
    request = urllib.request.Request(  # noqa: S310, always our own loopback
        server.url(question.path), question.body, question.headers
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
        body: bytes = answer.read()
        return body


def _called(server: Server, model: Model) -> None:
    """The load generator does not see gRPC's own status, which comes after the answer: this does."""
    question = asked(server.name, model, GRPC_1)
    with grpc.insecure_channel(f"{HOST}:{server.ports.grpc}") as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(question.path)
        call(question.body[5:], timeout=PATIENCE, wait_for_ready=True)
