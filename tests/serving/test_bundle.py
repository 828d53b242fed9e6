"""Writing a bundle, and what may be in one."""

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import BaseEstimator
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from contender_serving import bundle
from contender_serving.bundle import golden, profile
from contender_serving.bundle.manifest import Framework
from contender_serving.failures import Failure, Reason
from contender_serving.loaders import load
from contender_serving.trust import Trust, VersionPolicy
from tests import models

ESTIMATORS = [
    LogisticRegression(max_iter=1000),
    RandomForestClassifier(10, random_state=0, n_jobs=2),
    GradientBoostingClassifier(n_estimators=5),
    HistGradientBoostingClassifier(max_iter=5),
    KNeighborsClassifier(),
    make_pipeline(StandardScaler(), SVC()),
]


def write(model: Any, path: Path, **more: Any) -> str:
    rows, labels = load_iris(return_X_y=True)
    bundle.write(model.fit(rows, labels), rows, labels, path=path, name="iris", version="1", **more)
    return models.without_copy(path)


@pytest.mark.parametrize("model", ESTIMATORS, ids=lambda model: type(model).__name__)
def test_stock_estimators_come_back_predicting_the_same(model: Any, tmp_path: Path) -> None:
    digest = write(model, tmp_path / "bundle")
    rows, _ = load_iris(return_X_y=True)

    written = bundle.read(tmp_path / "bundle")
    bundle.verify(written, digest)
    answers = load(written).predict({"input_0": rows}, ["predict"])

    np.testing.assert_array_equal(answers["predict"], model.predict(rows))


@pytest.mark.parametrize("model", [ESTIMATORS[0], ESTIMATORS[1], ESTIMATORS[2]], ids=lambda model: type(model).__name__)
def test_an_onnx_copy_predicts_the_same(model: Any, tmp_path: Path) -> None:
    write(model, tmp_path / "bundle", format="onnx")
    rows, _ = load_iris(return_X_y=True)

    answers = load(bundle.read(tmp_path / "bundle")).predict({"input_0": rows}, ["predict", "predict_proba"])

    np.testing.assert_array_equal(answers["predict"], model.predict(rows))
    np.testing.assert_allclose(answers["predict_proba"], model.predict_proba(rows), atol=1e-5)


def test_a_regression_keeps_its_shape_in_onnx(tmp_path: Path) -> None:
    rows, target = load_diabetes(return_X_y=True)
    model = LinearRegression().fit(rows, target)
    bundle.write(model, rows, target, path=tmp_path / "bundle", name="diabetes", version="1", format="onnx")

    answers = load(bundle.read(tmp_path / "bundle")).predict({"input_0": rows}, ["predict"])

    np.testing.assert_allclose(answers["predict"], model.predict(rows))


def test_texts_are_an_input_like_any_other(tmp_path: Path) -> None:
    texts = np.array(["good", "bad", "very good", "very bad"], dtype=object)
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, ["up", "down", "up", "down"])
    bundle.write(model, texts, None, path=tmp_path / "bundle", name="mood", version="1")
    written = bundle.read(tmp_path / "bundle")

    answers = load(written).predict({"input_0": np.array(["good good"], dtype=object)}, ["predict"])

    assert answers["predict"].tolist() == ["up"]
    assert [spec.datatype for spec in (*written.manifest.signature.inputs, written.manifest.signature.outputs[0])] == [
        "BYTES",
        "BYTES",
    ]


@pytest.mark.parametrize(("model", "nullable"), [(ESTIMATORS[3], True), (ESTIMATORS[0], False)])
def test_the_signature_says_whether_values_may_be_missing(model: Any, nullable: bool, tmp_path: Path) -> None:
    write(model, tmp_path / "bundle")

    assert bundle.read(tmp_path / "bundle").manifest.signature.inputs[0].nullable is nullable


def test_golden_examples_cover_every_class(tmp_path: Path) -> None:
    write(ESTIMATORS[0], tmp_path / "bundle")

    assert set(json.loads((tmp_path / "bundle" / "golden.json").read_text())["outputs"]["predict"]) == {0, 1, 2}


def test_a_model_that_was_changed_fails_its_golden_examples(tmp_path: Path) -> None:
    write(ESTIMATORS[0], tmp_path / "bundle")
    rows, labels = load_iris(return_X_y=True)
    skops.io.dump(LogisticRegression(max_iter=1000, C=0.01).fit(rows, labels), tmp_path / "bundle" / "model.skops")

    with pytest.raises(Failure) as caught:
        golden.check(tmp_path / "bundle", load(bundle.read(tmp_path / "bundle")))

    assert caught.value.reason is Reason.GOLDEN_MISMATCH


def test_a_bundle_is_never_overwritten(tmp_path: Path) -> None:
    write(ESTIMATORS[0], tmp_path / "bundle")

    with pytest.raises(FileExistsError, match="new folder"):
        write(ESTIMATORS[0], tmp_path / "bundle")


def test_columns_of_neither_numbers_nor_texts_are_refused_with_the_mend(tmp_path: Path) -> None:
    frame = pd.DataFrame({"when": pd.to_datetime(["2026-01-01"] * 4), "how": list("abab")})

    with pytest.raises(TypeError, match="when holds neither"):
        bundle.write(ESTIMATORS[0], frame, None, path=tmp_path / "bundle")


def test_an_estimator_without_an_onnx_form_is_refused_with_the_mend(tmp_path: Path) -> None:
    class Own(LogisticRegression):  # type: ignore[misc]
        pass

    with pytest.raises(ValueError, match="has no ONNX form"):
        write(Own(max_iter=1000), tmp_path / "bundle", format="onnx")

    assert not list(tmp_path.iterdir()), "half a bundle was left"


class Foreign(BaseEstimator):  # type: ignore[misc]
    """An estimator that is not scikit-learn's."""

    def predict(self, rows: Any) -> Any:
        """Always 0."""
        return np.zeros(len(rows), dtype=int)


@pytest.mark.parametrize(
    ("model", "named"),
    [
        pytest.param(Foreign(), "Foreign", id="another library's class"),
        pytest.param(
            make_pipeline(FunctionTransformer(warnings.warn), LogisticRegression()), "warn", id="any function"
        ),
    ],
)
def test_types_off_the_list_are_named_and_never_built(model: Any, named: str, tmp_path: Path) -> None:
    write(ESTIMATORS[0], tmp_path / "bundle")
    skops.io.dump(model, tmp_path / "bundle" / "model.skops")

    with pytest.raises(Failure, match=named) as caught:
        load(bundle.read(tmp_path / "bundle"))

    assert caught.value.reason is Reason.UNTRUSTED_TYPES


def test_a_function_that_scikit_learn_merely_imports_is_off_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check_output(rows: Any) -> Any:
        return rows

    monkeypatch.setattr(check_output, "__module__", "sklearn.utils._testing")
    monkeypatch.setattr(check_output, "__qualname__", "check_output")
    write(ESTIMATORS[0], tmp_path / "bundle")
    skops.io.dump(FunctionTransformer(check_output), tmp_path / "bundle" / "model.skops")

    with pytest.raises(Failure, match="check_output"):
        load(bundle.read(tmp_path / "bundle"))


@pytest.mark.parametrize(
    ("column", "edges", "counts", "missing"),
    [
        pytest.param([1.0, 1.0, 1.0], [1.0, 1.0], [3], 0, id="constant"),
        pytest.param([float("nan")] * 2, [], [], 2, id="nothing but missing"),
        pytest.param([0.0, 10.0, float("nan")], None, None, 1, id="some missing"),
    ],
)
def test_the_profile_counts_every_value_once(
    column: list[float], edges: list[float] | None, counts: list[int] | None, missing: int, tmp_path: Path
) -> None:
    profile.save(tmp_path, {"input_0": np.array([column]).T}, {})

    feature = json.loads((tmp_path / "reference_profile.json").read_text())["features"][0]
    assert feature["missing"] == missing
    assert sum(feature["counts"]) + missing == len(column)
    assert edges is None or feature["edges"] == edges
    assert counts is None or feature["counts"] == counts


@pytest.mark.parametrize(
    ("policy", "trained", "taken"),
    [
        (VersionPolicy.STRICT, "{0}.{1}.{2}", True),
        (VersionPolicy.STRICT, "{0}.{1}.99", False),
        (VersionPolicy.SAME_MINOR, "{0}.{1}.99", True),
        (VersionPolicy.SAME_MINOR, "{0}.99.{2}", False),
        (VersionPolicy.WARN, "0.1.2", True),
    ],
)
def test_another_version_of_the_library_is_taken_as_the_policy_says(
    policy: VersionPolicy, trained: str, taken: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(ESTIMATORS[0], tmp_path / "bundle")
    version = trained.format(*installed("scikit-learn").split("."))
    models.reseal(tmp_path / "bundle", framework=Framework("scikit-learn", version))

    with nullcontext() if taken else pytest.raises(Failure, match="versionPolicy"):
        load(bundle.read(tmp_path / "bundle"), Trust(policy))

    assert (version in caplog.text) == (policy is VersionPolicy.WARN)


@pytest.mark.parametrize("model_format", ["sklearn", "onnx"])
def test_a_file_of_another_format_is_named(model_format: str, tmp_path: Path) -> None:
    write(ESTIMATORS[0], tmp_path / "bundle", format=model_format)
    next((tmp_path / "bundle").glob("model.*")).write_bytes(b"\x80\x04 a pickle, perhaps")

    with pytest.raises(Failure, match=r"model\.") as caught:
        load(bundle.read(tmp_path / "bundle"))

    assert caught.value.reason is Reason.FORMAT_MISMATCH


def test_every_reason_is_in_the_contract() -> None:
    page = (Path(__file__).parents[2] / "docs" / "serving-contract.md").read_text()
    reasons = page.split("## Reasons")[1].split("## ")[0]

    assert {line.split("`")[1] for line in reasons.splitlines() if line.startswith("| `")} == set(Reason)


def test_a_copy_out_of_the_bound_is_not_served(tmp_path: Path) -> None:
    rows, labels = load_iris(return_X_y=True)
    bundle.write(LogisticRegression(max_iter=1000).fit(rows, labels), rows, labels, path=tmp_path / "bundle")
    report = json.loads((tmp_path / "bundle" / "parity.json").read_text())
    report["outputs"]["predict_proba"]["largest_difference"] = 1e-4
    (tmp_path / "bundle" / "parity.json").write_text(json.dumps(report))

    assert load(bundle.read(tmp_path / "bundle")).platform == "sklearn"


def test_a_copy_that_misses_its_golden_examples_is_not_served(tmp_path: Path) -> None:
    rows, labels = load_iris(return_X_y=True)
    for name, strength in (("bundle", 1.0), ("other", 0.01)):
        model = LogisticRegression(max_iter=1000, C=strength).fit(rows, labels)
        bundle.write(model, rows, labels, path=tmp_path / name)
    (tmp_path / "other" / "copy.onnx").rename(tmp_path / "bundle" / "copy.onnx")

    assert load(bundle.read(tmp_path / "bundle")).platform == "sklearn"


def test_what_the_estimator_refuses_its_copy_refuses(tmp_path: Path) -> None:
    rows, labels = load_iris(return_X_y=True)
    bundle.write(RandomForestClassifier(10).fit(rows, labels), rows, labels, path=tmp_path / "bundle")
    copy = load(bundle.read(tmp_path / "bundle"))

    assert copy.platform == "onnx_onnxv1"
    with pytest.raises(ValueError, match="float32"):
        copy.predict({"input_0": np.full((1, 4), 1e39)}, ["predict"])


def test_an_estimator_that_refuses_unknown_categories_has_no_copy(tmp_path: Path) -> None:
    rows = pd.DataFrame({"city": ["Bern", "Basel"] * 10})
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(rows, [0, 1] * 10)

    written = bundle.write(model, rows, path=tmp_path / "bundle")

    assert "not fitted on" in written.why
    assert written.platform == "sklearn"


def test_a_bundle_is_read_without_the_libraries_that_write_it(tmp_path: Path) -> None:
    rows, labels = load_iris(return_X_y=True)
    bundle.write(LogisticRegression(max_iter=1000).fit(rows, labels), rows, labels, path=tmp_path / "bundle")
    script = f"""
import sys
from pathlib import Path
from contender_serving import bundle, loaders
loaders.load(bundle.read(Path({str(tmp_path / "bundle")!r})))
print({{"sklearn", "skl2onnx", "onnx", "pandas", "scipy"}} & set(sys.modules))
"""

    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "set()\n"


def test_an_estimator_of_arrays_is_served_without_pandas(volumes: Callable[[str], Path]) -> None:
    script = f"""
import sys
from pathlib import Path
from contender_serving import bundle, loaders
predictor = loaders.load(bundle.read(Path({str(volumes("good_v1") / "bundle")!r})))
print(predictor.platform, "pandas" in sys.modules)
"""

    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "sklearn False\n"
