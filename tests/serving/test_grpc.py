"""gRPC on a real server: health, the errors that a client gets, and a drain."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from contender_serving.app import STATUS
from contender_serving.grpc import methods
from contender_serving.grpc import open_inference_pb2 as pb
from contender_serving.rejections import RequestError
from tests import models
from tests.serving.process import PATIENCE, Server, wait_until

Served = Callable[[str], Server]
Serve = Callable[..., Server]
Volumes = Callable[[str], Path]
ROWS = models.digits()[0]
HUGE = bytes(17 * 2**20)


class Client:
    """A client of our own messages, which no other client's limits come between."""

    def __init__(self, server: Server) -> None:
        self.channel = grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}")
        self.health = health_pb2_grpc.HealthStub(self.channel)

    def call(self, method: str, request: Any) -> Any:
        """One call."""
        response = getattr(pb, f"{method}Response")
        return self.channel.unary_unary(
            f"/{methods.NAME}/{method}", type(request).SerializeToString, response.FromString
        )(request, timeout=PATIENCE, wait_for_ready=True)

    def status(self, service: str = "") -> str:
        """What the health service says."""
        answer = self.health.Check(
            health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE, wait_for_ready=True
        )
        name: str = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
        return name


@pytest.fixture
def connect() -> Iterator[Callable[[Server], Client]]:
    """Connects to servers."""
    clients: list[Client] = []

    def connected(server: Server) -> Client:
        clients.append(Client(server))
        return clients[-1]

    yield connected
    for client in clients:
        client.channel.close()


Connect = Callable[[Server], Client]


def infer(rows: Any = ROWS[:1], **changes: Any) -> pb.ModelInferRequest:
    """A request for these rows, changed."""
    tensor = {"name": "input_0", "datatype": "FP64", "shape": rows.shape, "contents": {"fp64_contents": rows.ravel()}}
    return pb.ModelInferRequest(**({"model_name": "churn", "inputs": [tensor]} | changes))


def test_every_rejection_has_a_status_in_both_protocols() -> None:
    assert set(RequestError.__subclasses__()) == methods.CODES.keys() == STATUS.keys()
    assert {methods.STATUSES[code] for code in methods.CODES.values()} <= set(STATUS.values())


def test_typed_contents_are_answered_typed(served: Served, connect: Connect) -> None:
    server = served("good_v1")
    expected = server.infer(models.v2_request(ROWS[:3], ["predict"])).json()["outputs"][0]["data"]

    answer = connect(server).call("ModelInfer", infer(ROWS[:3], outputs=[{"name": "predict"}], id="x"))

    assert [output.name for output in answer.outputs] == ["predict"]
    assert list(answer.outputs[0].contents.int64_contents) == expected
    assert (answer.id, list(answer.raw_output_contents)) == ("x", [])


def test_metadata_has_the_digest(served: Served, connect: Connect) -> None:
    answer = connect(served("good_v1")).call("ModelMetadata", pb.ModelMetadataRequest(name="churn"))

    assert answer.properties["digest"] == served("good_v1").get("/v2/models/churn").json()["properties"]["digest"]


@pytest.mark.parametrize(
    ("request_", "code", "instead"),
    [
        pytest.param(infer(model_name="other"), "NOT_FOUND", "churn", id="another model"),
        pytest.param(infer(model_version="9"), "NOT_FOUND", "has 1", id="another version"),
        pytest.param(infer(inputs=[]), "INVALID_ARGUMENT", "input_0", id="a missing tensor"),
        pytest.param(infer(ROWS[:1, 1:]), "INVALID_ARGUMENT", "[-1, 64]", id="a wrong shape"),
        pytest.param(infer(outputs=[{"name": "other"}]), "INVALID_ARGUMENT", "predict", id="an unknown output"),
        pytest.param(infer(raw_input_contents=[HUGE]), "RESOURCE_EXHAUSTED", "larger than max", id="too large"),
    ],
)
def test_a_refusal_is_a_status_with_the_mend(
    served: Served, connect: Connect, request_: pb.ModelInferRequest, code: str, instead: str
) -> None:
    client = connect(served("good_v1"))

    with pytest.raises(grpc.RpcError) as refused:
        client.call("ModelInfer", request_)

    assert refused.value.code().name == code
    assert instead in (refused.value.details() or "")
    assert client.call("ModelInfer", infer()).outputs, "the next request is served as if nothing was"


def test_a_model_that_raises_is_its_own_fault_and_tells_nothing_of_the_input(served: Served, connect: Connect) -> None:
    client, rows = connect(served("failing")), models.traffic(1, {models.FAILING_PIXEL: 1})

    with pytest.raises(grpc.RpcError) as failed:
        client.call("ModelInfer", infer(rows))

    assert (failed.value.code().name, failed.value.details()) == ("INTERNAL", "the model failed on this input")


def test_bytes_that_are_no_message_are_refused_and_the_next_is_served(served: Served, connect: Connect) -> None:
    client = connect(served("good_v1"))
    send: Any = client.channel.unary_unary(f"/{methods.NAME}/ModelInfer")

    with pytest.raises(grpc.RpcError) as refused:
        send(b"\xff\xff\xff", timeout=PATIENCE)

    assert (refused.value.code().name, refused.value.details()) == (
        "INVALID_ARGUMENT",
        "the bytes are no inference.ModelInferRequest",
    )
    assert client.call("ModelInfer", infer()).outputs


def test_answers_are_counted_with_those_of_http(served: Served, connect: Connect) -> None:
    server = served("good_v1")
    client, before = connect(server), _samples(server)

    client.call("ModelInfer", infer(ROWS[:7]))
    with pytest.raises(grpc.RpcError):
        client.call("ModelInfer", infer(inputs=[]))

    after = _samples(server)
    grown = {name: after[name] - before.get(name, 0) for name in after}
    assert grown['contender_serving_requests_total{code="200"}'] == 1
    assert grown['contender_serving_requests_total{code="400"}'] == 1
    assert grown["contender_serving_rows_total"] == 7
    assert grown["contender_serving_request_duration_seconds_count"] == 2


def test_it_is_healthy_when_the_model_is_ready(served: Served, connect: Connect) -> None:
    client = connect(served("good_v1"))

    assert (client.status(), client.status(methods.NAME)) == ("SERVING", "SERVING")
    assert client.call("ServerReady", pb.ServerReadyRequest()).ready
    assert client.call("ServerLive", pb.ServerLiveRequest()).live


def test_it_serves_on_while_it_drains_and_says_that_it_does(serve: Serve, volumes: Volumes, connect: Connect) -> None:
    server = serve(volumes("good_v1"), CONTENDER_DRAIN_DELAY="60")
    server.wait_until_ready()
    client = connect(server)
    assert client.status() == "SERVING"

    server.terminate()
    wait_until(lambda: client.status() == "NOT_SERVING")

    assert client.call("ModelInfer", infer()).outputs
    assert not client.call("ServerReady", pb.ServerReadyRequest()).ready
    server.terminate()  # a second signal ends the delay
    assert server.exit_code() == 0


def test_port_zero_is_no_grpc(serve: Serve, volumes: Volumes) -> None:
    server = serve(volumes("good_v1"), CONTENDER_GRPC_PORT="0")
    server.wait_until_ready()

    loaded = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "cygrpc" not in loaded


def _samples(server: Server) -> dict[str, float]:
    lines = server.get("/metrics").data.decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}
