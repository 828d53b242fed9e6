"""What is counted of features and scores, against the reference profile."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from contender_serving import bundle
from contender_serving.bundle import profile
from contender_serving.failures import Failure
from contender_serving.loaders import load
from contender_serving.metrics import Metrics
from contender_serving.monitor import ENOUGH, Monitor
from contender_serving.tensors import Tensor
from tests import models

DICE = np.random.default_rng(0)
ROWS = DICE.normal(size=(500, 3))


@pytest.fixture
def watched(tmp_path: Path) -> tuple[bundle.Bundle, Monitor]:
    model = HistGradientBoostingClassifier(max_iter=5).fit(ROWS, ROWS[:, 0] > 0)
    bundle.write(model, ROWS, None, path=tmp_path / "bundle")
    read = bundle.read(tmp_path / "bundle")
    return read, Monitor(profile.read(read))


def serve(watched: tuple[bundle.Bundle, Monitor], rows: Tensor, outputs: tuple[str, ...] = ("predict_proba",)) -> None:
    """Answer rows one by one, as if each were a request."""
    of_it, monitor = watched
    predictor = load(of_it)
    for row in rows:
        monitor.observe({"input_0": row[None]}, predictor.predict({"input_0": row[None]}, outputs))


def test_the_data_that_the_model_was_written_with_is_nothing_unusual(watched: tuple[bundle.Bundle, Monitor]) -> None:
    serve(watched, ROWS)

    _, monitor = watched
    assert [(f.missing, f.out_of_range) for f in monitor.features] == [(0, 0)] * 3
    assert monitor.profile.score is not None
    assert monitor.scores.tolist() == monitor.profile.score.counts


def test_missing_and_far_values_are_counted_by_feature(watched: tuple[bundle.Bundle, Monitor]) -> None:
    serve(watched, np.array([[np.nan, 0, 99], [0, 0, -99], [0, 0, ROWS[:, 2].max()]]))

    assert [(f.missing, f.out_of_range) for f in watched[1].features] == [(1, 0), (0, 0), (0, 2)]


def test_answers_without_probabilities_have_no_score(watched: tuple[bundle.Bundle, Monitor]) -> None:
    serve(watched, ROWS[:5], outputs=("predict",))
    serve(watched, ROWS[:2], outputs=("predict", "predict_proba"))

    assert watched[1].scores.sum() == 2


def test_many_rows_are_counted_without_being_asked(watched: tuple[bundle.Bundle, Monitor]) -> None:
    _, monitor = watched
    rows = np.full((ENOUGH, 3), 99.0)

    monitor.observe({"input_0": rows}, {"predict": np.zeros(ENOUGH)})

    assert not monitor._waiting


def test_texts_of_no_category_are_counted(tmp_path: Path) -> None:
    frame = pd.DataFrame({"age": [20, 30, 40] * 5, "city": ["Bern", "Basel", "Bern"] * 5})
    columns = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["city"]), remainder="passthrough")
    model = make_pipeline(columns, LogisticRegression()).fit(frame, [0, 1, 0] * 5)
    bundle.write(model, frame, None, path=tmp_path / "bundle")
    monitor = Monitor(profile.read(bundle.read(tmp_path / "bundle")))

    monitor.observe({"age": np.array([20, 99]), "city": np.array(["Genf", None], dtype=object)}, {})

    assert [(f.profile.name, f.missing, f.out_of_range, f.unseen) for f in monitor.features] == [
        ("age", 0, 1, 0),
        ("city", 1, 0, 1),
    ]


def test_the_score_of_a_regression_is_what_it_predicts(tmp_path: Path) -> None:
    model = LinearRegression().fit(ROWS, ROWS[:, 0])
    bundle.write(model, ROWS, None, path=tmp_path / "bundle")
    monitor = Monitor(profile.read(bundle.read(tmp_path / "bundle")))

    monitor.observe({"input_0": ROWS}, {"predict": model.predict(ROWS) + 100})

    assert monitor.scores.tolist() == [0] * 11 + [500]


def test_a_profile_of_other_inputs_is_refused(tmp_path: Path) -> None:
    models.good_v1(tmp_path / "bundle")
    file = tmp_path / "bundle" / "reference_profile.json"
    file.write_text(file.read_text().replace('"column":63', '"column":64'))

    with pytest.raises(Failure, match="no input has feature-63"):
        profile.read(bundle.read(tmp_path / "bundle"))


def test_a_bundle_without_a_profile_is_not_watched() -> None:
    monitor = Metrics().monitor

    monitor.observe({"input_0": ROWS}, {"predict": np.zeros(500)})

    assert not monitor.features
    assert not monitor._waiting
