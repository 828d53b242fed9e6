"""Receipts as clients get them: in which protocol they are where, and what they say of the answer they came with."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
import urllib3
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeClassifier

from contender_serving import bundle
from contender_serving.grpc import methods
from contender_serving.grpc import open_inference_pb2 as pb
from tests import models
from tests.serving.opening import Opened, opened
from tests.serving.process import PATIENCE, Server

HEADER = "x-contender-receipt"
KID, KEY = 1_767_225_600, bytes(range(32))
LATER = 4_102_444_800  # 2100
ROWS, LABELS = models.digits()
TEXTS = np.array([f"number {label}, " + "of which much could be said, " * 20 for label in LABELS])  # 590 characters

Volumes = Callable[[str], Path]
Sealing = Callable[[str], Server]


def texts(path: Path) -> None:
    """A classifier whose labels are long texts."""
    bundle.write(DecisionTreeClassifier(random_state=0).fit(ROWS, TEXTS), ROWS, TEXTS, path=path, name="texts")


def regression(path: Path) -> None:
    """A regression: the digit as a number."""
    bundle.write(LinearRegression().fit(ROWS, LABELS), ROWS, LABELS, path=path, name="regression")


@pytest.fixture(scope="module")
def sealing(volumes: Volumes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sealing]:
    """Servers that have keys, and names to put into receipts: `sealing("good_v1")`."""
    keys = tmp_path_factory.mktemp("keys")
    (keys / str(KID)).write_bytes(KEY)
    (keys / str(LATER)).write_bytes(bytes(32))
    (keys / "..data").write_bytes(b"")
    servers: dict[str, Server] = {}

    def ready(name: str) -> Server:
        if name not in servers:
            servers[name] = start(name)
            servers[name].wait_until_ready()
        return servers[name]

    def start(name: str) -> Server:
        writers = {"texts": texts, "regression": regression}
        volume = tmp_path_factory.mktemp(name)
        if name in writers:
            writers[name](volume / "bundle")
        else:
            volume = volumes(name)
        env = {"CONTENDER_RECEIPT_KEYS": str(keys), "CONTENDER_DEPLOYMENT": "churn-eu", "CONTENDER_VARIANT": "7d9f8c"}
        return Server(volume, tmp_path_factory.mktemp("log") / "termination-log", env)

    yield ready
    for server in servers.values():
        server.close()


def receipt(answer: urllib3.BaseHTTPResponse) -> Opened:
    """What the receipt in the header says."""
    return opened(answer.headers[HEADER], KEY)


def outputs(answer: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    """The data of each output of a V2 answer."""
    return {tensor["name"]: tensor["data"] for tensor in answer.json()["outputs"]}


def test_a_receipt_says_who_predicted_what_and_when(sealing: Sealing) -> None:
    before = time.time_ns() // 1_000_000
    answer = sealing("good_v1").infer(models.v2_request(ROWS[:2]))
    after = time.time_ns() // 1_000_000

    said = receipt(answer)
    assert (said.kid, said.deployment, said.variant, said.output) == (KID, "churn-eu", "7d9f8c", "predict")
    assert said.predictions == outputs(answer)["predict"]
    assert before <= said.at <= after


def test_v2_has_it_in_the_header_and_in_the_parameters(sealing: Sealing) -> None:
    answer = sealing("good_v1").infer(models.v2_request(ROWS[:1]))

    assert answer.json()["parameters"] == {"receipt": answer.headers[HEADER]}


def test_v1_has_it_in_the_header(sealing: Sealing) -> None:
    answer = sealing("good_v1").post("/v1/models/churn:predict", {"instances": ROWS[:3].tolist()})

    assert list(answer.json()) == ["predictions"]
    assert receipt(answer).rows == answer.json()["predictions"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of gevent and rapidjson
@pytest.mark.parametrize("binary", [True, False])
def test_tritons_http_client_sees_it(sealing: Sealing, binary: bool) -> None:
    client = tritonclient.http.InferenceServerClient(f"127.0.0.1:{sealing('good_v1').port}")
    sent = tritonclient.http.InferInput("input_0", [3, 64], "FP64")
    sent.set_data_from_numpy(ROWS[:3], binary_data=binary)
    asked = [tritonclient.http.InferRequestedOutput("predict", binary_data=binary)]
    answer = client.infer("churn", [sent], outputs=asked)
    client.close()

    said = opened(answer.get_response()["parameters"]["receipt"], KEY)
    assert said.rows == answer.as_numpy("predict").tolist()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tritons_grpc_client_sees_it(sealing: Sealing) -> None:
    client = tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{sealing('good_v1').grpc_port}")
    sent = tritonclient.grpc.InferInput("input_0", [3, 64], "FP64")
    sent.set_data_from_numpy(ROWS[:3])
    answer = client.infer("churn", [sent])
    client.close()

    said = opened(answer.get_response().parameters["receipt"].string_param, KEY)
    assert said.rows == answer.as_numpy("predict").tolist()


def test_grpc_has_it_in_the_parameters_of_typed_answers_too(sealing: Sealing) -> None:
    tensor = {"name": "input_0", "datatype": "FP64", "shape": [1, 64], "contents": {"fp64_contents": ROWS[0]}}
    request = pb.ModelInferRequest(model_name="churn", inputs=[tensor])
    with grpc.insecure_channel(f"127.0.0.1:{sealing('good_v1').grpc_port}") as channel:
        call = channel.unary_unary(
            f"/{methods.NAME}/ModelInfer", pb.ModelInferRequest.SerializeToString, pb.ModelInferResponse.FromString
        )
        answer = call(request, timeout=PATIENCE, wait_for_ready=True)

    said = opened(answer.parameters["receipt"].string_param, KEY)
    assert said.rows == list(answer.outputs[0].contents.int64_contents)


def test_each_request_of_those_computed_together_has_its_own(sealing: Sealing) -> None:
    server = sealing("good_v1")
    requests = [ROWS[number : number + 1 + number % 3] for number in range(200)]
    with ThreadPoolExecutor(16) as clients:
        answers = list(clients.map(lambda rows: server.infer(models.v2_request(rows)), requests))
    said = [receipt(answer) for answer in answers]

    assert [each.rows for each in said] == [outputs(answer)["predict"] for answer in answers]
    assert len({each.number for each in said}) == len(requests)
    assert len({each.salt for each in said}) == 1


def test_up_to_256_rows_have_one_receipt_and_more_have_none(sealing: Sealing) -> None:
    server = sealing("good_v1")
    most, more = (server.infer(models.v2_request(ROWS[:rows])) for rows in (256, 257))

    assert receipt(most).rows == outputs(most)["predict"]
    assert isinstance(receipt(most).predictions, dict)
    assert (HEADER in more.headers, "parameters" in more.json()) == (False, False)


def test_texts_are_sealed_and_too_long_a_receipt_is_in_the_parameters_only(sealing: Sealing) -> None:
    server = sealing("texts")
    one, ten = (server.infer(models.v2_request(ROWS[:rows])) for rows in (1, 10))

    assert receipt(one).rows == outputs(one)["predict"]
    assert HEADER not in ten.headers
    assert opened(ten.json()["parameters"]["receipt"], KEY).rows == outputs(ten)["predict"]


def test_numbers_of_a_regression_are_sealed_as_they_were_answered(sealing: Sealing) -> None:
    answer = sealing("regression").infer(models.v2_request(ROWS[:20]))

    assert receipt(answer).rows == outputs(answer)["predict"]
    assert {type(value) for value in receipt(answer).rows} == {float}


def test_a_graph_that_computes_all_outputs_seals_predictions_nobody_asked_for(sealing: Sealing) -> None:
    server = sealing("onnx")
    answer = server.infer(models.v2_request(ROWS[:5], ["predict_proba"]))

    assert list(outputs(answer)) == ["predict_proba"]
    assert receipt(answer).rows == outputs(server.infer(models.v2_request(ROWS[:5])))["predict"]


def test_an_estimator_is_not_asked_twice_for_a_receipt(sealing: Sealing) -> None:
    answer = sealing("good_v1").infer(models.v2_request(ROWS[:5], ["predict_proba"]))

    assert answer.status == 200
    assert (HEADER in answer.headers, "parameters" in answer.json()) == (False, False)


@pytest.mark.parametrize("path", ["/v2/models/churn/infer", "/v1/models/churn:predict", "/v2/models/other/infer"])
def test_errors_have_no_receipt(sealing: Sealing, path: str) -> None:
    answer = sealing("good_v1").post(path, models.v2_request(ROWS[:1, 1:]))

    assert answer.status >= 400
    assert HEADER not in answer.headers
    assert list(answer.json()) == ["error"]


def test_the_servers_own_document_tells_of_receipts(sealing: Sealing) -> None:
    document = sealing("good_v1").get("/openapi.json").json()

    for path in ("/v2/models/churn/infer", "/v1/models/churn:predict"):
        assert HEADER in document["paths"][path]["post"]["responses"]["200"]["headers"], path
    parameters = document["components"]["schemas"]["InferResponse"]["properties"]["parameters"]
    assert parameters["properties"] == {"receipt": {"type": "string"}}


@pytest.mark.parametrize(
    ("key", "variant"),
    [
        pytest.param(None, "7d9f8c", id="no folder of keys"),
        pytest.param(bytes(31), "7d9f8c", id="a key of a wrong length"),
        pytest.param(KEY, "", id="no name of the variant"),
    ],
)
def test_without_keys_or_a_name_there_are_no_receipts_and_no_cipher(
    serve: Callable[..., Server], volumes: Volumes, tmp_path: Path, key: bytes | None, variant: str
) -> None:
    keys = tmp_path / "keys"
    if key is not None:
        keys.mkdir()
        (keys / str(KID)).write_bytes(key)
    server = serve(volumes("good_v1"), CONTENDER_RECEIPT_KEYS=str(keys), CONTENDER_VARIANT=variant)
    server.wait_until_ready()
    answer = server.infer(models.v2_request(ROWS[:1]))

    assert answer.status == 200
    assert (HEADER in answer.headers, "parameters" in answer.json()) == (False, False)
    assert "cryptography" not in Path(f"/proc/{server.process.pid}/maps").read_text()


def test_a_deployment_is_by_default_called_as_its_model(
    serve: Callable[..., Server], volumes: Volumes, tmp_path: Path
) -> None:
    (tmp_path / str(KID)).write_bytes(KEY)
    server = serve(volumes("good_v1"), CONTENDER_RECEIPT_KEYS=str(tmp_path), CONTENDER_VARIANT="7d9f8c")
    server.wait_until_ready()

    assert "cryptography" in Path(f"/proc/{server.process.pid}/maps").read_text()
    assert receipt(server.infer(models.v2_request(ROWS[:1]))).deployment == "churn"
