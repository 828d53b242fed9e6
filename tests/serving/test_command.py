"""`contender-bundle`: from a user's own files to a bundle, and what it says."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from contender_serving import bundle
from contender_serving.bundle.command import main
from contender_serving.loaders import load


@dataclass(frozen=True)
class Done:
    """What a command left."""

    code: int
    stdout: str
    stderr: str


Command = Callable[..., Done]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`contender-bundle` with these arguments."""

    def run(*arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["contender-bundle", *map(str, arguments)])
        code = main()
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture
def people() -> pd.DataFrame:
    dice = np.random.default_rng(0)
    age, city = dice.integers(18, 90, 200), dice.choice(["Bern", "Basel", "Genève"], 200)
    return pd.DataFrame({"age": age, "city": city, "churned": (age > 50) & (city != "Bern")})


def test_a_model_that_converts_is_said_to_be_served_fast(command: Command, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(200, 3))
    np.save(tmp_path / "rows.npy", rows)
    np.save(tmp_path / "labels.npy", rows[:, 0] > 0)
    model = RandomForestClassifier(10).fit(rows, rows[:, 0] > 0)
    joblib.dump(model, tmp_path / "model.joblib")

    done = command(
        tmp_path / "model.joblib",
        tmp_path / "churn",
        "--data",
        tmp_path / "rows.npy",
        "--target",
        tmp_path / "labels.npy",
    )

    assert done.stdout.splitlines()[0] == bundle.read(tmp_path / "churn").digest, done.stderr
    assert "served by onnx_onnxv1: one row takes" in done.stdout
    np.testing.assert_array_equal(
        load(bundle.read(tmp_path / "churn")).predict({"input_0": rows}, ["predict"])["predict"], model.predict(rows)
    )


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_named_columns_become_inputs_of_their_names(
    command: Command, kind: str, people: pd.DataFrame, tmp_path: Path
) -> None:
    columns = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["city"]), remainder="passthrough")
    model = make_pipeline(columns, LogisticRegression()).fit(people[["age", "city"]], people["churned"])
    skops.io.dump(model, tmp_path / "model.skops")
    getattr(people, f"to_{kind}")(tmp_path / f"people.{kind}", index=False)

    done = command(
        tmp_path / "model.skops", tmp_path / "churn", "--data", tmp_path / f"people.{kind}", "--target", "churned"
    )

    assert done.code == 0, done.stderr
    written = bundle.read(tmp_path / "churn")
    assert [(spec.name, spec.datatype) for spec in written.manifest.signature.inputs] == [
        ("age", "INT64"),
        ("city", "BYTES"),
    ]
    inputs = {"age": people["age"].to_numpy(), "city": people["city"].to_numpy(object)}
    np.testing.assert_array_equal(load(written).predict(inputs, ["predict"])["predict"], model.predict(people))


def test_a_model_that_does_not_convert_is_said_to_be_served_by_its_own_library(
    command: Command, tmp_path: Path
) -> None:
    texts = ["good", "bad", "very good", "very bad"] * 5
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, ["up", "down"] * 10)
    joblib.dump(model, tmp_path / "model.pkl")
    pd.DataFrame({"text": texts}).to_csv(tmp_path / "texts.csv", index=False)

    done = command(tmp_path / "model.pkl", tmp_path / "mood", "--data", tmp_path / "texts.csv")

    assert "served by sklearn: ONNX splits texts" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("arguments", "mend"),
    [
        (["--data", "people.xlsx"], ".csv, .parquet nor .npy"),
        (["--data", "people.csv", "--target", "churn"], "it has age, city, churned"),
        (["--data", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(
    command: Command,
    arguments: list[str],
    mend: str,
    people: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    people.to_csv("people.csv", index=False)

    done = command("model.pkl", "churn", *arguments)

    assert done.code == 1
    assert mend in done.stderr
    assert len(done.stderr.splitlines()) == 1
