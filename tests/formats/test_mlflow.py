"""Model directories that MLflow itself has written, served without it, against what the models predict."""

import warnings
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import pandas as pd
import pytest
import xgboost
from skl2onnx import to_onnx
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from contender_serving import bundle
from contender_serving.failures import Failure, Reason
from contender_serving.loaders import load, load_model
from contender_serving.tables import tensors

with warnings.catch_warnings(action="ignore"):
    import mlflow.lightgbm
    import mlflow.onnx
    import mlflow.pyfunc
    import mlflow.sklearn
    import mlflow.xgboost
    from mlflow.models import infer_signature

IRIS, CANCER, DIABETES = (data(return_X_y=True) for data in (load_iris, load_breast_cancer, load_diabetes))
FRAME = pd.DataFrame({"age": [20.0, 30.0, 40.0, 50.0] * 5, "plan": ["free", "paid"] * 10})
CHURNED = [0, 1, 1, 0] * 5

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow warns of much, and none of it is ours


def mixed() -> Any:
    features = make_column_transformer((OneHotEncoder(), ["plan"]), remainder="passthrough")
    return make_pipeline(features, LogisticRegression())


CASES: dict[str, tuple[Any, Any, Any]] = {
    "sklearn-classifier": (mlflow.sklearn, LogisticRegression(max_iter=9999), IRIS),
    "sklearn-regressor": (mlflow.sklearn, LinearRegression(), DIABETES),
    "sklearn-mixed-columns": (mlflow.sklearn, mixed(), (FRAME, CHURNED)),
    "xgboost-classifier": (mlflow.xgboost, xgboost.XGBClassifier(n_estimators=20), IRIS),
    "xgboost-regressor": (mlflow.xgboost, xgboost.XGBRegressor(n_estimators=20), DIABETES),
    "lightgbm-classifier": (mlflow.lightgbm, lightgbm.LGBMClassifier(n_estimators=20, verbose=-1), CANCER),
}


def save(module: Any, model: Any, folder: Path, rows: Any, **options: Any) -> bundle.Bundle:
    signature = infer_signature(rows, np.asarray(model.predict(rows)))
    module.save_model(model, folder, signature=signature, input_example=rows[:2], pip_requirements=[], **options)
    return bundle.read(folder)


@pytest.mark.parametrize("case", CASES)
def test_what_is_served_is_what_the_model_predicts(case: str, tmp_path: Path) -> None:
    module, model, (rows, target) = CASES[case]
    model.fit(rows, target)

    predictor = load(save(module, model, tmp_path / "model", rows))

    names = [spec.name for spec in predictor.signature.outputs]
    assert names == ["predict", "predict_proba"][: 1 + hasattr(model, "predict_proba")]
    for batch in (rows, rows[:1]):
        for name, answer in predictor.predict(tensors(batch), names).items():
            np.testing.assert_array_equal(answer, getattr(model, name)(batch))


def test_a_booster_answers_what_it_computes(tmp_path: Path) -> None:
    rows, labels = CANCER
    booster = lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(rows, labels), 10)

    predictor = load(save(mlflow.lightgbm, booster, tmp_path / "model", rows))

    assert [spec.name for spec in predictor.signature.outputs] == ["predict"]
    assert predictor.signature.inputs[0].nullable
    np.testing.assert_array_equal(predictor.predict({"input_0": rows}, ["predict"])["predict"], booster.predict(rows))


def test_xgboosts_booster_too(tmp_path: Path) -> None:
    rows, labels = CANCER
    booster = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(rows, labels), 10)
    mlflow.xgboost.save_model(booster, tmp_path / "model", signature=infer_signature(rows, labels), pip_requirements=[])

    answer = load(bundle.read(tmp_path / "model")).predict({"input_0": rows}, ["predict"])["predict"]

    np.testing.assert_array_equal(answer, booster.predict(xgboost.DMatrix(rows)))


def test_an_onnx_flavour_says_itself_what_it_takes(tmp_path: Path) -> None:
    rows, labels = IRIS
    model = LogisticRegression(max_iter=9999).fit(rows, labels)
    graph = to_onnx(model, rows[:1].astype(np.float32), options={"zipmap": False})
    mlflow.onnx.save_model(graph, tmp_path / "model", pip_requirements=[])

    predictor = load(bundle.read(tmp_path / "model"))
    names = [spec.name for spec in predictor.signature.outputs]
    label, probabilities = predictor.predict({"X": rows.astype(np.float32)}, names).values()

    np.testing.assert_array_equal(label, model.predict(rows))
    np.testing.assert_allclose(probabilities, model.predict_proba(rows), atol=1e-5)


def test_weights_outside_of_the_graph_would_be_of_nobodys_digest(tmp_path: Path) -> None:
    weights = onnx.numpy_helper.from_array(np.ones((64, 64), np.float32), "weights")
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["rows", 64]) for name in ("x", "y")]
    node = onnx.helper.make_node("MatMul", ["x", "weights"], ["y"])
    graph = onnx.helper.make_graph([node], "large", ends[:1], ends[1:], [weights])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    mlflow.onnx.save_model(model, tmp_path / "inside", pip_requirements=[], save_as_external_data=False)
    mlflow.onnx.save_model(model, tmp_path / "outside", pip_requirements=[])  # MLflow's default

    with pytest.raises(Failure, match="save_as_external_data=False") as failure:
        load(bundle.read(tmp_path / "outside"))

    assert failure.value.reason is Reason.LOAD_FAILED
    assert load(bundle.read(tmp_path / "inside")).platform == "onnx_onnxv1"


@pytest.mark.parametrize("serialization", ["pickle", "cloudpickle"])
def test_a_pickled_estimator_is_refused_and_served_with_the_users_word(serialization: str, tmp_path: Path) -> None:
    rows, labels = IRIS
    model = LogisticRegression(max_iter=9999).fit(rows, labels)
    written = save(mlflow.sklearn, model, tmp_path / "model", rows, serialization_format=serialization)

    with pytest.raises(Failure, match="allowPickle") as failure:
        load(written)

    assert failure.value.reason is Reason.PICKLE_REFUSED
    assert written.format == "pickle"
    assert type(joblib.load(written.model_file)) is LogisticRegression  # what the server would load, being allowed to
    predictor = load_model(written.format, written.model_file, written.manifest.signature)
    np.testing.assert_array_equal(predictor.predict({"input_0": rows}, ["predict"])["predict"], model.predict(rows))


def test_a_model_of_python_code_is_refused_with_what_to_log(tmp_path: Path) -> None:
    class Mean(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:  # noqa: ARG002
            return model_input.mean(axis=1)

    mlflow.pyfunc.save_model(tmp_path / "model", python_model=Mean(), pip_requirements=[])

    with pytest.raises(Failure, match="log the model with one of them") as failure:
        bundle.read(tmp_path / "model")

    assert failure.value.reason is Reason.UNSUPPORTED_FORMAT
