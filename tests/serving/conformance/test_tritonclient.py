"""Triton's client, over HTTP and gRPC, tensors as bytes and typed: what it sends is what it gets, and what it asks is
answered."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException

from contender_serving.tensors import BYTES, Tensor
from tests import models
from tests.serving import identity
from tests.serving.process import Server

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of gevent and rapidjson
Served = Callable[[str], Server]
Client = Any  # both clients are untyped
ROWS = models.digits()[0][:5]


@pytest.fixture(params=["http", "grpc"])
def triton(request: pytest.FixtureRequest) -> Any:
    """The client's package."""
    return getattr(tritonclient, request.param)


@pytest.fixture
def connect(triton: Any, served: Served) -> Iterator[Callable[[str], Client]]:
    """Connects to a served bundle."""
    clients: list[Client] = []

    def connected(name: str) -> Client:
        server = served(name)
        port = server.port if triton is tritonclient.http else server.grpc_port
        clients.append(triton.InferenceServerClient(f"127.0.0.1:{port}"))
        return clients[-1]

    yield connected
    for client in clients:
        client.close()


def inputs(triton: Any, tensors: dict[str, tuple[str, Tensor]], *, binary: bool) -> list[Any]:
    """The client's inputs; its gRPC side knows only bytes."""
    sent = [triton.InferInput(name, list(tensor.shape), datatype) for name, (datatype, tensor) in tensors.items()]
    for each, (_, tensor) in zip(sent, tensors.values(), strict=True):
        if triton is tritonclient.http:
            each.set_data_from_numpy(tensor, binary_data=binary)
        else:
            each.set_data_from_numpy(tensor)
    return sent


def outputs(triton: Any, names: list[str], *, binary: bool) -> list[Any]:
    """The outputs that are asked for."""
    if triton is tritonclient.grpc:
        return [triton.InferRequestedOutput(name) for name in names]
    return [triton.InferRequestedOutput(name, binary_data=binary) for name in names]


def told(tensor: Tensor, datatype: str) -> Tensor:
    """The client gives texts as bytes where they came as such."""
    if datatype != BYTES:
        return tensor
    return np.array([each.decode() if isinstance(each, bytes) else each for each in tensor.flat], object).reshape(
        tensor.shape
    )


@pytest.mark.parametrize(
    ("triton", "binary_in", "binary_out"),
    [
        pytest.param("http", True, True, id="bytes, answered as bytes"),
        pytest.param("http", True, False, id="bytes, answered as JSON"),
        pytest.param("http", False, True, id="JSON, answered as bytes"),
        pytest.param("http", False, False, id="JSON, answered as JSON"),
        pytest.param("grpc", True, True, id="gRPC"),
    ],
    indirect=["triton"],
)
def test_every_datatype_comes_back_as_it_was_sent(
    triton: Any, connect: Callable[[str], Client], binary_in: bool, binary_out: bool
) -> None:
    tensors = {datatype.lower(): (datatype, identity.extremes(datatype)) for datatype in identity.DATATYPES}
    asked = outputs(triton, [f"{name}_out" for name in tensors], binary=binary_out)

    answer = connect("identity").infer("churn", inputs(triton, tensors, binary=binary_in), outputs=asked)

    for name, (datatype, tensor) in tensors.items():
        np.testing.assert_array_equal(told(answer.as_numpy(f"{name}_out"), datatype), tensor, strict=True)


@pytest.mark.parametrize("rows", [1, 2])
def test_half_precision_is_sent_and_answered_as_bytes(triton: Any, connect: Callable[[str], Client], rows: int) -> None:
    tensor = identity.extremes("FP16")[:rows]

    answer = connect("half").infer("churn", inputs(triton, {"fp16": ("FP16", tensor)}, binary=True))

    np.testing.assert_array_equal(answer.as_numpy("fp16_out"), tensor, strict=True)


def test_predictions_are_the_same_in_every_way(triton: Any, connect: Callable[[str], Client], served: Served) -> None:
    body = models.v2_request(ROWS, ["predict", "predict_proba"])
    expected = {tensor["name"]: tensor["data"] for tensor in served("good_v1").infer(body).json()["outputs"]}

    answer = connect("good_v1").infer("churn", inputs(triton, {"input_0": ("FP64", ROWS)}, binary=True), request_id="7")

    assert answer.as_numpy("predict").tolist() == expected["predict"]
    assert answer.as_numpy("predict_proba").ravel().tolist() == expected["predict_proba"]
    response = answer.get_response()
    known = response if isinstance(response, dict) else {"id": response.id, "model_version": response.model_version}
    assert (known["id"], known["model_version"]) == ("7", "1")


def test_the_server_answers_what_clients_ask_first(triton: Any, connect: Callable[[str], Client]) -> None:
    client = connect("good_v1")

    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("churn")
    assert client.is_model_ready("churn", "1")


def test_metadata_names_the_server_and_its_model(triton: Any, connect: Callable[[str], Client]) -> None:
    client, json = connect("good_v1"), {"as_json": True} if triton is tritonclient.grpc else {}
    about, server = client.get_model_metadata("churn", "1", **json), client.get_server_metadata(**json)

    assert (server["name"], server["extensions"]) == ("contender-serving", ["binary_tensor_data"])
    assert (about["name"], about["versions"]) == ("churn", ["1"])
    assert about["platform"] in ("sklearn", "onnx_onnxv1")
    assert [int(length) for length in about["inputs"][0]["shape"]] == [-1, 64]
    assert [tensor["name"] for tensor in about["outputs"]] == ["predict", "predict_proba"]


@pytest.mark.parametrize(
    ("model", "version", "name", "tensor", "instead"),
    [
        pytest.param("other", "", "input_0", ROWS, "churn", id="another model"),
        pytest.param("churn", "9", "input_0", ROWS, "has 1", id="another version"),
        pytest.param("churn", "", "other", ROWS, "input_0", id="an unknown tensor"),
        pytest.param("churn", "", "input_0", ROWS[:, 1:], "[-1, 64]", id="another shape"),
        pytest.param("churn", "", "input_0", np.where(ROWS == 0, np.nan, ROWS), "missing", id="NaN"),
        pytest.param("churn", "", "input_0", np.where(ROWS == 0, np.inf, ROWS), "infinite", id="infinity"),
    ],
)
def test_a_refusal_reaches_the_caller_in_words(
    triton: Any, connect: Callable[[str], Client], model: str, version: str, name: str, tensor: Tensor, instead: str
) -> None:
    client = connect("good_v1")

    with pytest.raises(InferenceServerException, match=instead.replace("[", r"\[")):
        client.infer(model, inputs(triton, {name: ("FP64", tensor)}, binary=True), model_version=version)

    client.infer("churn", inputs(triton, {"input_0": ("FP64", ROWS)}, binary=True))


def test_the_repository_has_one_model(served: Served) -> None:
    client = tritonclient.http.InferenceServerClient(f"127.0.0.1:{served('good_v1').port}")

    assert client.get_model_repository_index() == [{"name": "churn", "version": "1", "state": "READY", "reason": ""}]


@pytest.mark.parametrize("compression", ["gzip", "deflate"])
def test_a_compressed_body_is_read(served: Served, compression: str) -> None:
    client = tritonclient.http.InferenceServerClient(f"127.0.0.1:{served('good_v1').port}")
    sent = inputs(tritonclient.http, {"input_0": ("FP64", ROWS)}, binary=True)

    answer = client.infer("churn", sent, request_compression_algorithm=compression)

    assert len(answer.as_numpy("predict")) == len(ROWS)
