"""Predictions over the wire are the estimator's own, on random rows and on rows at the edges of what it knows.

`make test-estimators` asks 10,000 rows of each; `make test` fewer.
"""

import json
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from contender_serving import bundle
from contender_serving.bundle import parity
from contender_serving.loaders import load, load_model
from contender_serving.predictor import Predictor
from contender_serving.protocols import v2
from contender_serving.tables import argument, tensors
from contender_serving.tensors import Tensor, datatype_of

ROWS = int(os.environ.get("ESTIMATOR_ROWS", "400"))
BATCH = 200

Inputs = dict[str, Tensor]


@dataclass(frozen=True)
class Case:
    """A fitted model with data like that of its training; whether it is to be served by an ONNX copy."""

    model: Any
    rows: Any
    y: Any
    copied: bool


def _iris(model: Any, dtype: type = np.float64, *, copied: bool, names: bool = False) -> Case:
    rows, y = load_iris(return_X_y=True)
    labels = load_iris().target_names[y] if names else y
    return Case(model.fit(rows.astype(dtype), labels), rows.astype(dtype), labels, copied)


def _cancer(model: Any, dtype: type = np.float64, *, copied: bool, holes: bool = False) -> Case:
    rows, y = load_breast_cancer(return_X_y=True)
    rows = rows.astype(dtype)
    if holes:
        rows[np.random.default_rng(0).random(rows.shape) < 0.1] = np.nan
    return Case(model.fit(rows, y), rows, y, copied)


def _diabetes(model: Any, *, copied: bool, outputs: int = 1) -> Case:
    rows, y = load_diabetes(return_X_y=True)
    y = y if outputs == 1 else np.column_stack([y, -y])
    return Case(model.fit(rows, y), rows, y, copied)


def _people() -> Case:
    dice = np.random.default_rng(0)
    age = dice.integers(18, 90, 400).astype(float)
    age[::17] = np.nan
    city = dice.choice(["Bern", "Zürich", "Genève", "Basel"], 400).astype(object)
    city[::23] = np.nan
    rows = pd.DataFrame({"age": age, "city": city, "visits": dice.integers(0, 9, 400)})
    known = make_pipeline(SimpleImputer(strategy="constant", fill_value="?"), OneHotEncoder(handle_unknown="ignore"))
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["age"]), (known, ["city"]), ("passthrough", ["visits"])
    )
    y = np.where((np.nan_to_num(age, nan=40) > 50) ^ (city == "Bern"), "stays", "leaves")
    return Case(make_pipeline(columns, LogisticRegression()).fit(rows, y), rows, y, copied=False)


def _mood() -> Case:
    words = ["good", "bad", "very", "naïve", "straße", "not", "so", "ÉTÉ", "日本", "ok"]
    dice = np.random.default_rng(0)
    rows = np.array([" ".join(dice.choice(words, dice.integers(1, 6))) for _ in range(200)], dtype=object)
    y = np.array(["good" in text for text in rows])
    return Case(make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(rows, y), rows, y, copied=False)


def _digits_at_once() -> Case:
    rows, y = load_digits(return_X_y=True)
    both = np.column_stack([y % 2, y > 4])
    return Case(MultiOutputClassifier(LogisticRegression(max_iter=2000)).fit(rows, both), rows, both, copied=True)


def _wine(model: Any, *, copied: bool) -> Case:
    rows, y = load_wine(return_X_y=True)
    return Case(model.fit(rows, y), rows, y, copied)


def _scaled(model: Any) -> Any:
    return make_pipeline(StandardScaler(), model)


CASES = {
    "logistic": lambda: _cancer(_scaled(LogisticRegression()), copied=True),
    "logistic-float32": lambda: _cancer(_scaled(LogisticRegression()), np.float32, copied=True),
    "discriminant": lambda: _iris(LinearDiscriminantAnalysis(), copied=True),
    "ridge-two-outputs": lambda: _diabetes(Ridge(), copied=True, outputs=2),
    "elastic-net": lambda: _diabetes(ElasticNet(0.1), copied=True),
    "bayes": lambda: _iris(GaussianNB(), copied=True, names=True),
    "svc": lambda: _wine(_scaled(SVC()), copied=True),
    "neighbours": lambda: _diabetes(KNeighborsRegressor(), copied=False),
    "tree": lambda: _iris(DecisionTreeClassifier(max_depth=3), copied=True),
    "forest-ties": lambda: _cancer(RandomForestClassifier(20, random_state=0), copied=True),
    "forest-float32": lambda: _cancer(RandomForestClassifier(20, random_state=0), np.float32, copied=True),
    "forest-scaled": lambda: _cancer(_scaled(RandomForestClassifier(20, random_state=0)), copied=True),
    "forest-two-outputs": lambda: _diabetes(RandomForestRegressor(20, random_state=0), copied=True, outputs=2),
    "forest-with-holes": lambda: _cancer(RandomForestClassifier(20, random_state=0), copied=True, holes=True),
    "extra-trees-texts": lambda: _iris(ExtraTreesClassifier(20, random_state=0), copied=True, names=True),
    "boosting-three-classes": lambda: _iris(GradientBoostingClassifier(n_estimators=20), copied=True),
    "boosting-exponential": lambda: _cancer(GradientBoostingClassifier(loss="exponential"), copied=True),
    "boosting-quantile": lambda: _diabetes(GradientBoostingRegressor(loss="quantile"), copied=True),
    "histogram-with-holes": lambda: _cancer(HistGradientBoostingClassifier(max_iter=30), copied=True, holes=True),
    "histogram-three-classes": lambda: _wine(HistGradientBoostingClassifier(max_iter=20), copied=True),
    "histogram-poisson": lambda: _diabetes(HistGradientBoostingRegressor(loss="poisson", max_iter=30), copied=True),
    "histogram-scaled": lambda: _wine(_scaled(HistGradientBoostingClassifier(max_iter=10)), copied=True),
    "ada": lambda: _iris(AdaBoostClassifier(n_estimators=10), copied=True),
    "bagging": lambda: _diabetes(BaggingRegressor(random_state=0), copied=False),
    "isolation": lambda: _cancer(IsolationForest(n_estimators=20, random_state=0), copied=False),
    "network": lambda: _wine(_scaled(MLPClassifier((16,), max_iter=60, random_state=0)), copied=True),
    "columns": _people,
    "texts": _mood,
    "several-labels": _digits_at_once,
}


@pytest.fixture(scope="module", params=CASES)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, bundle.Bundle]:
    """A case, and its bundle."""
    with warnings.catch_warnings(action="ignore"):  # of networks that are not trained to the end
        case: Case = CASES[request.param]()
    path = tmp_path_factory.mktemp("estimators") / request.param
    bundle.write(case.model, case.rows, case.y, path=path)
    return case, bundle.read(path)


def test_the_estimator_itself_answers_over_the_wire_what_it_answers_here(written: tuple[Case, bundle.Bundle]) -> None:
    case, of_it = written
    predictor = load_model(of_it.format, of_it.model_file, of_it.manifest.signature)

    for rows in _batches(of_it, case.rows):
        for name, answer in _ask(predictor, rows).items():
            np.testing.assert_array_equal(answer, _expected(case, name, rows), strict=True)


def test_what_is_served_answers_what_the_estimator_answers(written: tuple[Case, bundle.Bundle]) -> None:
    case, of_it = written
    predictor = load(of_it)

    for rows in _batches(of_it, case.rows):
        for name, answer in _ask(predictor, rows).items():
            expected = _expected(case, name, rows)
            if expected.dtype.kind == "f":
                np.testing.assert_allclose(answer, expected, rtol=parity.BOUND, atol=parity.BOUND, strict=True)
            else:
                np.testing.assert_array_equal(answer, expected)


def test_estimators_with_an_equal_onnx_form_are_served_by_it(written: tuple[Case, bundle.Bundle]) -> None:
    case, of_it = written

    assert (load(of_it).platform == "onnx_onnxv1") == case.copied


def _expected(case: Case, name: str, rows: Inputs) -> Tensor:
    answer = np.asarray(getattr(case.model, name)(argument(rows)))
    return answer.astype(object) if answer.dtype.kind == "U" else answer


def _ask(predictor: Predictor, rows: Inputs) -> Inputs:
    """By the protocol's JSON, as a client would."""
    sent = [{"name": name, "shape": t.shape, "datatype": datatype_of(t), "data": _json(t)} for name, t in rows.items()]
    question = v2.decode(json.dumps({"inputs": sent}).encode(), predictor.signature)
    answers = predictor.predict(question.inputs, question.outputs)
    return {name: t.astype(object) if t.dtype.kind == "U" else t for name, t in answers.items()}


def _json(tensor: Tensor) -> list[Any]:
    return [None if value != value else value for value in tensor.ravel().tolist()]  # noqa: PLR0124, NaN


def _batches(of_it: bundle.Bundle, rows: Any) -> Iterator[Inputs]:
    dice = np.random.default_rng(1)
    known = tensors(rows)
    nullable = {spec.name: spec.nullable for spec in of_it.manifest.signature.inputs}
    for _ in range(0, ROWS, BATCH):
        yield {name: _rows(tensor, dice, nullable=nullable[name]) for name, tensor in known.items()}


def _rows(tensor: Tensor, dice: np.random.Generator, *, nullable: bool) -> Tensor:
    """Every column drawn by itself; a part of the numbers is moved to an edge."""
    flat = tensor.reshape(len(tensor), -1)
    drawn = np.stack([dice.choice(column, BATCH) for column in flat.T], axis=1)
    if tensor.dtype.kind == "f":
        drawn = _moved(drawn, flat, dice)
    if tensor.dtype.kind == "O":
        drawn[dice.random(drawn.shape) < 0.05] = dice.choice(["", "unseen", "ünseen"])
    if nullable:
        drawn[dice.random(drawn.shape) < 0.02] = np.nan if tensor.dtype.kind == "f" else None
    return drawn.reshape(BATCH, *tensor.shape[1:])


def _moved(drawn: Tensor, known: Tensor, dice: np.random.Generator) -> Tensor:
    """Halfway between two neighbours (where trees split), one step of the floating point off it, far out, or zero."""
    other = np.stack([dice.choice(column, len(drawn)) for column in known.T], axis=1)
    with np.errstate(invalid="ignore"):
        halfway = ((drawn.astype(float) + other) / 2).astype(drawn.dtype)
    to = [halfway, np.nextafter(halfway, np.inf), np.nextafter(halfway, -np.inf), drawn * 3, np.zeros_like(drawn)]
    return np.select([dice.random(drawn.shape) < 0.1 for _ in to], to, drawn)
