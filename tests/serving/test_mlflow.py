"""A model directory of MLflow's, as it is: fetched, pinned, served; and what is said where it cannot be.

The directories here are made as MLflow makes them; `make test-formats` has MLflow itself make them.
"""

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
import skops.io
import yaml
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from contender_serving import bundle
from contender_serving.failures import Failure, Reason
from contender_serving.fetch import fetch
from contender_serving.loaders import load
from contender_serving.settings import FetchSettings
from contender_serving.trust import Trust, VersionPolicy
from tests.serving.origin import Origin
from tests.serving.process import Server

ROWS, LABELS = load_iris(return_X_y=True)
MODEL = LogisticRegression(max_iter=500).fit(ROWS, LABELS)
EXAMPLE = "serving_input_example.json"
TENSOR = {"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 4]}}


def directory(folder: Path, flavor: dict[str, Any] | None = None, **changes: Any) -> Path:
    """A directory with a logistic regression; `changes` are of its MLmodel file."""
    folder.mkdir()
    skops.io.dump(MODEL, folder / "model.skops")
    joblib.dump(MODEL, folder / "model.pkl")
    (folder / EXAMPLE).write_text(json.dumps({"inputs": ROWS[:2].tolist()}))
    (folder / "conda.yaml").write_text("name: mlflow-env\n")
    stock = {"pickled_model": "model.skops", "serialization_format": "skops", "sklearn_version": sklearn.__version__}
    content: dict[str, Any] = {
        "flavors": {"python_function": {"loader_module": "mlflow.sklearn"}, "sklearn": stock | (flavor or {})},
        "model_uuid": "18be03f9596342498f27c1709d0bc983",
        "saved_input_example_info": {"serving_input_path": EXAMPLE},
        "signature": {"inputs": json.dumps([TENSOR]), "outputs": json.dumps([TENSOR]), "params": None},
    }
    (folder / "MLmodel").write_text(yaml.safe_dump(content | changes))
    return folder


PICKLED = {"pickled_model": "model.pkl", "serialization_format": "cloudpickle"}


def fetching(origin: Origin, tmp_path: Path, digest: str, memory_limit: int | None = None) -> Path:
    settings = FetchSettings(
        uri=origin.uri,
        digest=digest,
        format=None,
        model_dir=tmp_path,
        pvc_root=tmp_path,
        secret=None,
        memory_limit=memory_limit,
        termination_log=tmp_path / "log",
    )
    return fetch(settings)


def test_a_directory_is_served_as_it_is(tmp_path: Path, serve: Callable[..., Server]) -> None:
    read = bundle.read(directory(tmp_path / "bundle"))

    server = serve(tmp_path, CONTENDER_MODEL_DIGEST=read.digest)
    server.wait_until_ready()
    tensor = {"name": "input_0", "shape": [2, 4], "datatype": "FP64", "data": ROWS[:2].tolist()}
    answer = server.infer({"inputs": [tensor]}).json()
    metadata = server.get("/v2/models/churn").json()

    labels, probabilities = (output["data"] for output in answer["outputs"])
    assert labels == LABELS[:2].tolist()
    np.testing.assert_allclose(np.reshape(probabilities, (2, 3)), MODEL.predict_proba(ROWS[:2]))
    assert metadata["platform"] == "sklearn"
    assert metadata["properties"]["digest"] == read.digest
    assert not {path.name for path in (tmp_path / "bundle").iterdir()} & {"contender.yaml", "golden.json"}


def test_its_digest_is_what_anybody_can_compute_of_the_files_that_are_served(tmp_path: Path) -> None:
    folder = directory(tmp_path / "model")

    listing = subprocess.run(
        ["sha256sum", "MLmodel", "model.skops", EXAMPLE], cwd=folder, check=True, capture_output=True
    ).stdout

    assert bundle.read(folder).digest == "sha256:" + hashlib.sha256(listing).hexdigest()


@pytest.mark.parametrize("name", ["MLmodel", "model.skops", EXAMPLE])
def test_a_byte_more_in_any_of_them_is_another_model(tmp_path: Path, name: str) -> None:
    folder = directory(tmp_path / "model")
    digest = bundle.read(folder).digest
    with (folder / name).open("a") as file:
        file.write("\n")

    with pytest.raises(Failure) as failure:
        bundle.verify(bundle.read(folder), digest)

    assert failure.value.reason is Reason.DIGEST_MISMATCH


def test_it_is_fetched_over_http_and_only_what_is_served_of_it(origin: Origin, tmp_path: Path) -> None:
    origin.folder.rmdir()
    digest = bundle.read(directory(origin.folder)).digest

    folder = fetching(origin, tmp_path, digest)

    assert sorted(path.name for path in folder.iterdir()) == ["MLmodel", "model.skops", EXAMPLE]
    assert load(bundle.read(folder)).platform == "sklearn"
    assert fetching(origin, tmp_path, digest) == folder


def test_one_with_another_digest_is_not_published(origin: Origin, tmp_path: Path) -> None:
    origin.folder.rmdir()
    directory(origin.folder)

    with pytest.raises(Failure) as failure:
        fetching(origin, tmp_path, "sha256:" + "0" * 64)

    assert failure.value.reason is Reason.DIGEST_MISMATCH
    assert not (tmp_path / "bundle").exists()


def test_one_larger_than_the_memory_is_not_fetched_to_its_end(origin: Origin, tmp_path: Path) -> None:
    origin.folder.rmdir()
    digest = bundle.read(directory(origin.folder)).digest

    with pytest.raises(Failure) as failure:
        fetching(origin, tmp_path, digest, memory_limit=2000)

    assert failure.value.reason is Reason.MODEL_TOO_LARGE


def test_named_columns_are_inputs_of_their_own(tmp_path: Path) -> None:
    columns = [{"type": "double", "name": name, "required": True} for name in "abcd"]
    example = {"dataframe_split": {"columns": list("abcd"), "data": ROWS[:2].tolist()}}
    folder = directory(tmp_path / "model", signature={"inputs": json.dumps(columns)})
    (folder / EXAMPLE).write_text(json.dumps(example))
    named = LogisticRegression(max_iter=500).fit(pd.DataFrame(ROWS, columns=list("abcd")), LABELS)
    skops.io.dump(named, folder / "model.skops")

    predictor = load(bundle.read(folder))
    answer = predictor.predict(dict(zip("abcd", ROWS.T, strict=True)), ["predict"])["predict"]

    assert [(spec.name, spec.datatype, spec.shape) for spec in predictor.signature.inputs] == [
        (name, "FP64", (-1,)) for name in "abcd"
    ]
    np.testing.assert_array_equal(answer, MODEL.predict(ROWS))


def test_a_directory_without_an_input_example_is_tried_with_zeros(tmp_path: Path) -> None:
    folder = directory(tmp_path / "model", saved_input_example_info=None)

    predictor = load(bundle.read(folder))

    assert [spec.name for spec in predictor.signature.outputs] == ["predict", "predict_proba"]
    assert not predictor.signature.inputs[0].nullable


def test_a_pickle_in_it_is_a_pickle(tmp_path: Path, serve: Callable[..., Server]) -> None:
    digest = bundle.read(directory(tmp_path / "bundle", PICKLED)).digest

    refused = serve(tmp_path, CONTENDER_MODEL_DIGEST=digest)
    unpinned = serve(tmp_path, CONTENDER_ALLOW_PICKLE="true")
    allowed = serve(tmp_path, CONTENDER_MODEL_DIGEST=digest, CONTENDER_ALLOW_PICKLE="true")
    allowed.wait_until_ready()

    assert (refused.exit_code(), refused.failure()["reason"]) == (1, "PickleRefused")
    assert (unpinned.exit_code(), unpinned.failure()["reason"]) == (1, "InvalidSettings")
    assert allowed.get("/v2/models/churn").json()["platform"] == "pickle"


def test_its_library_must_be_of_the_version_that_wrote_it(tmp_path: Path) -> None:
    folder = directory(tmp_path / "model", {"sklearn_version": "1.2.3"})

    with pytest.raises(Failure, match="versionPolicy") as failure:
        load(bundle.read(folder), Trust(VersionPolicy.SAME_MINOR))

    assert failure.value.reason is Reason.VERSION_MISMATCH


BAD: dict[str, tuple[dict[str, Any], Reason, str]] = {
    "only Python code of its own": (
        {"flavors": {"python_function": {"loader_module": "mlflow.pyfunc.model"}}},
        Reason.UNSUPPORTED_FORMAT,
        "log the model with one of them",
    ),
    "a flavour that is not served": ({"flavors": {"spark": {}}}, Reason.UNSUPPORTED_FORMAT, "onnx, sklearn, xgboost"),
    "no flavours": ({"flavors": None}, Reason.INVALID_BUNDLE, "log the model again"),
    "a path that leaves it": (
        {"flavors": {"onnx": {"data": "../../etc/passwd", "onnx_version": "1.19.0"}}},
        Reason.INVALID_BUNDLE,
        "leaves the directory",
    ),
    "no version": ({"flavors": {"onnx": {"data": "model.onnx"}}}, Reason.INVALID_BUNDLE, "onnx_version"),
    "a file that is not there": (
        {"flavors": {"onnx": {"data": "model.onnx", "onnx_version": "1.19.0"}}},
        Reason.MODEL_NOT_FOUND,
        "model.onnx",
    ),
    "no signature": ({"signature": None}, Reason.INVALID_BUNDLE, "infer_signature"),
    "dates": (
        {"signature": {"inputs": json.dumps([{"type": "datetime", "name": "since"}])}},
        Reason.INVALID_BUNDLE,
        "named columns of boolean, integer",
    ),
    "an example of something else": (
        {"signature": {"inputs": json.dumps([{"type": "double", "name": "age"}])}},
        Reason.INVALID_BUNDLE,
        "input_example that does",
    ),
    "rows that the model does not take": (
        {
            "signature": {"inputs": json.dumps([TENSOR | {"tensor-spec": {"dtype": "float64", "shape": [-1, 5]}}])},
            "saved_input_example_info": None,
        },
        Reason.LOAD_FAILED,
        "input_example that it takes",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_served_says_what_to_log_instead(case: str, tmp_path: Path) -> None:
    changes, reason, says = BAD[case]

    with pytest.raises(Failure, match=says) as failure:
        load(bundle.read(directory(tmp_path / "model", **changes)))

    assert failure.value.reason is reason


def test_a_link_that_leaves_it_is_refused(tmp_path: Path) -> None:
    folder = directory(tmp_path / "model")
    (folder / "model.skops").rename(tmp_path / "elsewhere.skops")
    (folder / "model.skops").symlink_to(tmp_path / "elsewhere.skops")

    with pytest.raises(Failure, match="link that leaves") as failure:
        bundle.verify(bundle.read(folder))

    assert failure.value.reason is Reason.INVALID_BUNDLE


def test_types_that_the_directory_itself_calls_trusted_are_not(tmp_path: Path) -> None:
    folder = directory(tmp_path / "model", {"skops_trusted_types": ["builtins.compile"]})
    skops.io.dump([compile], folder / "model.skops")

    with pytest.raises(Failure, match=r"builtins\.compile") as failure:
        load(bundle.read(folder))

    assert failure.value.reason is Reason.UNTRUSTED_TYPES
