"""Bad input, the same in JSON, as bytes and by gRPC: the right status, words that say what to send, nothing of what was
sent and no stack trace; and the next request is served as if nothing was."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
import pytest

from contender_serving.grpc import methods
from contender_serving.grpc import open_inference_pb2 as pb
from contender_serving.protocols import raw
from contender_serving.tensors import BYTES, Tensor, datatype_of
from tests import models
from tests.serving.process import PATIENCE, Server

Served = Callable[[str], Server]
Refusal = tuple[int, str]
WAYS = ("JSON", "bytes", "gRPC", "gRPC raw")
SECRET = 123456.789  # what no answer may repeat
ROW = models.digits()[0][:1]
LIMIT = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Sent:
    """One input as a client may send it."""

    tensor: Tensor
    name: str = "input_0"
    datatype: str | None = None
    times: int = 1

    @property
    def declared(self) -> dict[str, Any]:
        """What is said of it."""
        return {
            "name": self.name,
            "shape": list(self.tensor.shape),
            "datatype": self.datatype or datatype_of(self.tensor),
        }


@pytest.fixture
def channel(served: Served) -> Iterator[Callable[[str], Any]]:
    """A gRPC channel to a served bundle."""
    channels: list[Any] = []

    def connected(name: str) -> Any:
        channels.append(grpc.insecure_channel(f"127.0.0.1:{served(name).grpc_port}"))
        return channels[-1]

    yield connected
    for each in channels:
        each.close()


@pytest.fixture
def ask(served: Served, channel: Callable[[str], Any]) -> Callable[[str, str, Sent], Refusal]:
    """Sends one input in one way and gives the status, gRPC's as HTTP's, and the words."""

    def asked(name: str, way: str, sent: Sent) -> Refusal:
        if way == "JSON":
            return _over_http(served(name), _in_json(sent), {})
        if way == "bytes":
            return _over_http(served(name), *_as_bytes(sent))
        return _over_grpc(channel(name), _message(sent, in_bytes=way == "gRPC raw"))

    return asked


def _over_http(server: Server, body: bytes, headers: dict[str, str]) -> Refusal:
    answer = server.post("/v2/models/churn/infer", body, **headers)
    if answer.status == 200:
        return 200, ""
    assert list(answer.json()) == ["error"]
    return answer.status, answer.json()["error"]


def _over_grpc(channel: Any, message: pb.ModelInferRequest) -> Refusal:
    call = channel.unary_unary(f"/{methods.NAME}/ModelInfer", pb.ModelInferRequest.SerializeToString)
    try:
        call(message, timeout=PATIENCE, wait_for_ready=True)
    except grpc.RpcError as error:
        return methods.STATUSES[error.code()], error.details() or ""
    return 200, ""


def _in_json(sent: Sent) -> bytes:
    tensor = sent.declared | {"data": sent.tensor.ravel().tolist()}
    text = json.dumps({"inputs": [tensor] * sent.times})
    return text.replace("NaN", "null").replace("Infinity", "1e999").encode()


def _as_bytes(sent: Sent) -> tuple[bytes, dict[str, str]]:
    tail = raw.encode(sent.tensor)
    tensor = sent.declared | {"parameters": {"binary_data_size": len(tail)}}
    head = json.dumps({"inputs": [tensor] * sent.times}).encode()
    return head + tail * sent.times, {"Inference-Header-Content-Length": str(len(head))}


def _message(sent: Sent, *, in_bytes: bool) -> pb.ModelInferRequest:
    message = pb.ModelInferRequest(model_name="churn")
    for _ in range(sent.times):
        tensor = message.inputs.add(**sent.declared)
        if in_bytes:
            message.raw_input_contents.append(raw.encode(sent.tensor))
        else:
            _fill(tensor.contents, sent.tensor)
    return message


def _fill(contents: pb.InferTensorContents, tensor: Tensor) -> None:
    field = {"f": "fp64_contents", "i": "int64_contents", "O": "bytes_contents"}[tensor.dtype.kind]
    getattr(contents, field).extend(raw.texts(tensor) if tensor.dtype.kind == "O" else tensor.ravel().tolist())


def changed(value: float) -> Tensor:
    """The good row with one element changed, and one that no answer may repeat."""
    row = ROW.copy()
    row[0, :2] = value, SECRET
    return row


BAD = [
    pytest.param(Sent(changed(np.nan)), "finite", id="NaN"),
    pytest.param(Sent(changed(np.inf)), "", id="infinity"),
    pytest.param(Sent(np.full((1, 64), "123456.789", object)), "FP64", id="a wrong dtype"),
    pytest.param(Sent(changed(1), datatype="COMPLEX"), "FP64", id="a dtype that is none"),
    pytest.param(Sent(changed(1)[:, 1:]), "[-1, 64]", id="a wrong shape"),
    pytest.param(Sent(changed(1)[0]), "[-1, 64]", id="a dimension too few"),
    pytest.param(Sent(changed(1)[:0]), "at least 1", id="no rows"),
    pytest.param(Sent(changed(1), name="other"), "input_0", id="an unknown tensor"),
    pytest.param(Sent(changed(1), times=0), "input_0", id="a missing tensor"),
    pytest.param(Sent(changed(1), times=2), "once", id="a tensor twice"),
    pytest.param(Sent(np.full((1, 64), 2**53 + 1)), "2^53", id="an integer over 2^53"),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("sent", "instead"), BAD)
def test_bad_input_is_the_clients_fault_and_says_what_to_send(
    ask: Callable[[str, str, Sent], Refusal], way: str, sent: Sent, instead: str
) -> None:
    status, words = ask("good_v1", way, sent)

    assert status == 400
    assert instead in words
    assert "123456" not in words
    assert "Traceback" not in words
    assert ask("good_v1", way, Sent(ROW)) == (200, ""), "the next request is served as if nothing was"


@pytest.mark.parametrize("way", WAYS)
def test_what_is_too_large_is_refused_before_it_is_read(ask: Callable[[str, str, Sent], Refusal], way: str) -> None:
    rows = LIMIT // ROW.size // 4  # an element takes five bytes or more in each
    status, words = ask("good_v1", way, Sent(np.repeat(ROW, rows, axis=0)))

    assert status == 413
    assert str(LIMIT) in words
    assert ask("good_v1", way, Sent(ROW)) == (200, "")


@pytest.mark.parametrize("way", WAYS)
def test_a_model_that_raises_is_its_own_fault(ask: Callable[[str, str, Sent], Refusal], way: str) -> None:
    dice = models.traffic(50, {models.FAILING_PIXEL: 0.5})
    failing, fine = dice[models.fails(dice)][:1], dice[~models.fails(dice)][:1]

    assert ask("failing", way, Sent(failing)) == (500, "the model failed on this input")
    assert ask("failing", way, Sent(fine)) == (200, "")


@pytest.mark.parametrize(
    ("body", "instead"),
    [
        pytest.param(b"", "JSON", id="nothing"),
        pytest.param(b"{'inputs': []}", "JSON", id="not JSON"),
        pytest.param(b'{"inputs": [], "id": "\xff"}', "UTF-8", id="not UTF-8"),
        pytest.param(b'{"inputs": [{"name": "input_0", "data": [NaN]}]}', "null", id="NaN as Python writes it"),
        pytest.param(b'{"inputs": [], "parameters": ' + b'{"a":' * 100_000, "nested too deep", id="nested without end"),
        pytest.param(json.dumps({"inputs": [], "id": 7}).encode(), "id", id="an id that is no text"),
    ],
)
@pytest.mark.parametrize("path", ["/v2/models/churn/infer", "/v1/models/churn:predict"])
def test_a_body_that_is_no_request_is_refused(served: Served, path: str, body: bytes, instead: str) -> None:
    server = served("good_v1")
    answer = server.post(path, body)

    assert answer.status == 400
    assert list(answer.json()) == ["error"]
    assert instead in answer.json()["error"] or path.startswith("/v1")
    assert server.infer(models.v2_request(ROW)).status == 200


def test_texts_that_are_not_utf_8_are_refused_as_bytes(served: Served) -> None:
    sent = {"name": "bytes", "shape": [1, 3], "datatype": BYTES, "parameters": {"binary_data_size": 15}}
    head = json.dumps({"inputs": [sent]}).encode()
    body = head + b"\1\0\0\0\xff" * 3
    answer = served("text").post("/v2/models/churn/infer", body, **{"Inference-Header-Content-Length": str(len(head))})

    assert answer.status == 400
    assert "UTF-8" in answer.json()["error"]


def test_curl_gets_a_prediction_and_a_refusal(served: Served) -> None:
    curl, url = shutil.which("curl"), f"http://127.0.0.1:{served('good_v1').port}/v2/models/churn/infer"
    assert curl

    def ask(body: bytes) -> Any:
        command = [
            curl,
            "--silent",
            "--show-error",
            "--header",
            "Content-Type: application/json",
            "--data-binary",
            "@-",
        ]
        return json.loads(subprocess.run([*command, url], input=body, capture_output=True, check=True).stdout)

    assert ask(models.v2_request(ROW))["outputs"][0]["data"] == [0]
    assert "JSON" in ask(b"{")["error"]
