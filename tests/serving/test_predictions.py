"""What a client of a ready server gets: V2, V1, and an error that says what to send instead."""

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io

from contender_serving import bundle
from contender_serving.protocols import v2
from contender_serving.rejections import InvalidInput
from tests import models
from tests.serving.process import Server, wait_until

Served = Callable[[str], Server]
Volumes = Callable[[str], Path]
ROW = models.digits()[0][0].tolist()


def request(data: Any = None, **changes: Any) -> dict[str, Any]:
    """A V2 request of one good row, changed."""
    tensor = {"name": "input_0", "shape": [1, 64], "datatype": "FP64", "data": ROW if data is None else data}
    return {"inputs": [tensor | changes]}


def outputs(answer: Any) -> dict[str, Any]:
    """The outputs of a V2 answer as arrays."""
    tensors = answer.json()["outputs"]
    return {tensor["name"]: np.array(tensor["data"]).reshape(tensor["shape"]) for tensor in tensors}


@pytest.mark.parametrize("name", ["good_v1", "good_v2"])
def test_answers_are_the_estimators_own(served: Served, volumes: Volumes, name: str) -> None:
    rows = models.digits()[0][:100]
    file = volumes(name) / "bundle" / "model.skops"
    estimator = skops.io.load(file, trusted=skops.io.get_untrusted_types(file=file))

    answer = outputs(served(name).infer(models.v2_request(rows, ["predict", "predict_proba"])))

    np.testing.assert_array_equal(answer["predict"], estimator.predict(rows))
    np.testing.assert_array_equal(answer["predict_proba"], estimator.predict_proba(rows))


def test_an_onnx_bundle_answers_what_its_estimator_answers(served: Served) -> None:
    body = models.v2_request(models.digits()[0][:100], ["predict", "predict_proba"])

    onnx, sklearn = outputs(served("onnx").infer(body)), outputs(served("good_v2").infer(body))

    np.testing.assert_array_equal(onnx["predict"], sklearn["predict"])
    np.testing.assert_allclose(onnx["predict_proba"], sklearn["predict_proba"], atol=1e-5)


def test_v1_answers_the_first_output(served: Served) -> None:
    rows = models.digits()[0][:3]
    server = served("good_v1")

    answer = server.post("/v1/models/churn:predict", {"instances": rows.tolist()})

    assert answer.json() == {"predictions": outputs(server.infer(models.v2_request(rows)))["predict"].tolist()}


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(request([ROW]), id="nested"),
        pytest.param(request([int(pixel) for pixel in ROW], datatype="INT32"), id="a datatype that fits"),
        pytest.param(request() | {"outputs": [{"name": "predict"}]}, id="one output"),
        pytest.param(request() | {"parameters": {"anything": 1}, "unknown": 2}, id="unknown parameters"),
        pytest.param(request(parameters={"anything": "x"}), id="unknown parameters of a tensor"),
    ],
)
def test_what_the_protocol_allows_is_answered(served: Served, sent: dict[str, Any]) -> None:
    answer = served("good_v1").infer(sent)

    assert answer.status == 200
    assert outputs(answer)["predict"].tolist() == [0]


def test_the_id_comes_back(served: Served) -> None:
    answer = served("good_v1").infer(request() | {"id": "42"}).json()

    assert (answer["id"], answer["model_name"], answer["model_version"]) == ("42", "churn", "1")


@pytest.mark.parametrize(
    ("sent", "instead"),
    [
        pytest.param(b"{", "JSON", id="not JSON"),
        pytest.param(b"\xff\xfe", "JSON", id="not UTF-8"),
        pytest.param(b'{"inputs": 3}', "inputs", id="not the protocol"),
        pytest.param(b'{"inputs": [], "parameters": ' + b'{"a":' * 100_000, "nested too deep", id="nested without end"),
        pytest.param({}, "inputs", id="no inputs"),
        pytest.param({"inputs": []}, "input_0", id="a missing input"),
        pytest.param(request(name="other"), "input_0", id="an unknown input"),
        pytest.param({"inputs": request()["inputs"] * 2}, "once", id="an input twice"),
        pytest.param(request(shape=[1, 63]), "[-1, 64]", id="too few features"),
        pytest.param(request(shape=[64]), "[-1, 64]", id="too few dimensions"),
        pytest.param(request([], shape=[0, 64]), "at least 1", id="no rows"),
        pytest.param(request(ROW[1:]), "as many elements", id="an element missing"),
        pytest.param(request([ROW[1:]]), "as many elements", id="an element missing in a row"),
        pytest.param(request([ROW, ROW[1:]], shape=[2, 64]), "ragged", id="ragged"),
        pytest.param(request([[ROW]]), "nested like its shape", id="nested too deep"),
        pytest.param(request(datatype="BYTES", data=["x"] * 64), "FP64", id="texts for numbers"),
        pytest.param(request(datatype="COMPLEX"), "FP64", id="no such datatype"),
        pytest.param(request(datatype="FP16"), "FP64", id="a datatype that JSON cannot carry"),
        pytest.param(request(["1.5", *ROW[1:]]), "FP64", id="a text among numbers"),
        pytest.param(request([True, *ROW[1:]]), "FP64", id="a boolean among numbers"),
        pytest.param(request([1.5, *ROW[1:]], datatype="INT32"), "INT32", id="a fraction among integers"),
        pytest.param(request([2**40, *ROW[1:]], datatype="INT32"), "INT32", id="too large for its datatype"),
        pytest.param(request([1e300, *ROW[1:]], datatype="FP32"), "FP32", id="too large for a float"),
        pytest.param(request([None, *ROW[1:]]), "finite", id="a missing value"),
        pytest.param(json.dumps(request([float("nan"), *ROW[1:]])).encode(), "send null", id="NaN"),
        pytest.param(request(3), "flat", id="data is no array"),
        pytest.param(request() | {"outputs": [{"name": "other"}]}, "predict_proba", id="an unknown output"),
    ],
)
def test_a_bad_request_says_what_to_send(served: Served, sent: Any, instead: str) -> None:
    server = served("good_v1")

    answer = server.infer(sent)

    assert answer.status == 400
    assert list(answer.json()) == ["error"]
    assert instead in answer.json()["error"]
    assert server.infer(request()).status == 200, "the next request is served as if nothing was"


@pytest.mark.parametrize(
    ("sent", "instead"),
    [
        pytest.param({}, "instances", id="no instances"),
        pytest.param({"instances": ROW}, "[64]", id="one row, not a list of rows"),
        pytest.param({"instances": [ROW[1:]]}, "[-1, 64]", id="too few features"),
        pytest.param({"instances": [ROW, ROW[1:]]}, "ragged", id="ragged"),
        pytest.param({"instances": []}, "[64]", id="no rows"),
    ],
)
def test_a_bad_v1_request_says_what_to_send(served: Served, sent: Any, instead: str) -> None:
    answer = served("good_v1").post("/v1/models/churn:predict", sent)

    assert answer.status == 400
    assert instead in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v2/models/other/infer", 404),
        ("POST", "/v2/models/churn/versions/9/infer", 404),
        ("POST", "/v1/models/other:predict", 404),
        ("GET", "/v2/models/other", 404),
        ("GET", "/v2/models/other/ready", 404),
        ("GET", "/v1/models/other", 404),
        ("GET", "/nowhere", 404),
        ("GET", "/v2/models/churn/infer", 405),
        ("POST", "/v2/health/ready", 405),
    ],
)
def test_what_is_not_there_is_an_error_in_json(served: Served, method: str, path: str, status: int) -> None:
    server = served("good_v1")
    answer = server.get(path) if method == "GET" else server.post(path, request())

    assert answer.status == status
    assert list(answer.json()) == ["error"]


@pytest.mark.parametrize("path", ["/v2/models/churn", "/v2/models/churn/versions/1"])
def test_metadata_says_what_to_send(served: Served, path: str) -> None:
    about = served("good_v1").get(path).json()

    assert (about["name"], about["versions"], about["platform"]) == ("churn", ["1"], "sklearn")
    assert about["inputs"] == [{"name": "input_0", "datatype": "FP64", "shape": [-1, 64]}]
    assert [output["name"] for output in about["outputs"]] == ["predict", "predict_proba"]


def test_health_and_lists_satisfy_every_known_client(served: Served) -> None:
    server = served("good_v1")

    assert server.get("/v2/health/live").json() == {"live": True}
    assert server.get("/v2/health/ready").json() == {"ready": True, "live": True}
    assert server.get("/v2/models/churn/ready").json() == {"name": "churn", "ready": True}
    assert server.get("/v1/models").json() == {"models": ["churn"]}
    assert server.get("/v1/models/churn").json() == {"name": "churn", "ready": True}
    assert set(server.get("/v2").json()) == {"name", "version", "extensions"}


def test_a_body_over_the_limit_is_refused(served: Served) -> None:
    answer = served("good_v1").infer(b" " * (16 * 1024 * 1024 + 1))

    assert answer.status == 413
    assert "16777216" in answer.json()["error"]


def test_a_model_that_raises_is_its_own_fault_and_tells_nothing_of_the_input(served: Served) -> None:
    rows = models.traffic(40, {models.FAILING_PIXEL: 0.5})
    server = served("failing")

    answers = [server.infer(models.v2_request(row[None])) for row in rows]

    assert [answer.status for answer in answers] == [500 if fails else 200 for fails in models.fails(rows)]
    assert {answer.json()["error"] for answer in answers if answer.status == 500} == {"the model failed on this input"}


def test_a_model_of_fewer_features_refuses_what_the_others_take(volumes: Volumes) -> None:
    signature = bundle.read(volumes("refusing") / "bundle").manifest.signature

    with pytest.raises(InvalidInput, match="48"):
        v2.decode(models.v2_request(models.digits()[0][:1]), signature)


def test_a_client_that_goes_away_is_no_failure_of_the_server(served: Served) -> None:
    server = served("good_v1")
    before = _samples(server)

    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"POST /v2/models/churn/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        wait_until(lambda: _samples(server)["contender_serving_requests_in_flight"] == 1)
    wait_until(lambda: _samples(server)["contender_serving_requests_in_flight"] == 0)

    gone, failed = (f'contender_serving_requests_total{{code="{code}"}}' for code in (499, 500))
    assert _samples(server)[gone] == before.get(gone, 0) + 1
    assert _samples(server).get(failed) == before.get(failed)


def test_metrics_count_answers_and_rows(served: Served) -> None:
    server = served("good_v1")
    before = _samples(server)

    server.infer(models.v2_request(models.digits()[0][:7]))
    server.infer(b"{")

    after = _samples(server)
    grown = {name: after[name] - before.get(name, 0) for name in after}
    assert grown['contender_serving_requests_total{code="200"}'] == 1
    assert grown['contender_serving_requests_total{code="400"}'] == 1
    assert grown["contender_serving_rows_total"] == 7
    assert grown["contender_serving_request_duration_seconds_count"] == 2


def _samples(server: Server) -> dict[str, float]:
    lines = server.get("/metrics").data.decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}
