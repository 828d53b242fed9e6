"""The models of the benchmark, made once into the cache: as bundles for us, as joblib and ONNX files for the peers."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from contender_serving import bundle
from contender_serving.tensors import Tensor
from tests.cluster.cache import kept, key
from tests.models import slow

ROWS = 1024  # the largest batch that is asked
NAME = "model"
LIBRARIES = ("scikit-learn", "skops", "skl2onnx", "contender-serving")
SCALERS = 1500  # about 200 ms a call, whatever the number of rows, on the machine that this was written on
TOPIC_ITERATIONS = 400  # a few milliseconds for each row


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model of the benchmark comes about, and the bundles' formats that it is served in, the fastest first."""

    name: str
    title: str
    data: Callable[[], tuple[Tensor, Tensor]]
    estimator: Callable[[], Any]
    formats: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """A fitted model on disk, the rows that it is asked, and what its estimator answers to them."""

    recipe: Recipe
    folder: Path
    rows: Tensor
    labels: Tensor

    @property
    def name(self) -> str:
        """Its name in the results."""
        return self.recipe.name

    @property
    def peers_file(self) -> Path:
        """What the peers load: the ONNX graph only where there is nothing else that is served."""
        only_onnx = self.recipe.formats == ("onnx",)
        return self.folder / ("onnx/bundle/model.onnx" if only_onnx else "model.joblib")

    def bundles(self, form: str) -> Path:
        """The folder that Contender finds its bundle in."""
        return self.folder / form


def patients() -> tuple[Tensor, Tensor]:
    """30 measurements each of 569 tumours, which scikit-learn ships, over and over."""
    rows, labels = load_breast_cancer(return_X_y=True)
    return np.resize(rows, (ROWS, rows.shape[1])), np.resize(labels, ROWS)


def texts() -> tuple[Tensor, Tensor]:
    """Texts of 40 words out of 2,000, of which each class prefers its own."""
    dice = np.random.default_rng(0)
    words = np.array([f"word{number}" for number in range(2000)])
    labels = dice.integers(0, 2, ROWS)
    preferred = [np.linspace(1, 3, 2000), np.linspace(3, 1, 2000)]
    chosen = [dice.choice(words, 40, p=preferred[label] / preferred[label].sum()) for label in labels]
    return np.array([" ".join(text) for text in chosen]), labels


RECIPES = (
    Recipe(
        "lr",
        "LogisticRegression",
        patients,
        lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        ("onnx", "sklearn"),
    ),
    Recipe(
        "rf", "RandomForest(100)", patients, lambda: RandomForestClassifier(100, random_state=0), ("onnx", "sklearn")
    ),
    Recipe("hgb", "HistGradientBoosting", patients, lambda: HistGradientBoostingClassifier(random_state=0), ("onnx",)),
    Recipe(
        "mlp",
        "MLP 30-256-128, ONNX",
        patients,
        lambda: make_pipeline(StandardScaler(), MLPClassifier((256, 128), random_state=0)),
        ("onnx",),
    ),
    Recipe(
        "text",
        "texts: TF-IDF + LogisticRegression",
        texts,
        lambda: make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000)),
        ("sklearn",),
    ),
)


def model(recipe: Recipe) -> Model:
    """The model of a recipe, from the cache if it is there."""
    folder = kept(f"bench-{recipe.name}", _key(), lambda folder: _make(recipe, folder))
    rows, _ = recipe.data()
    return Model(recipe, folder, rows, joblib.load(folder / "model.joblib").predict(rows))


def slow_call() -> Path:
    """The folder of a bundle that takes a fifth of a second for each call, however many rows it is asked."""
    return kept("bench-slow-call", _key(), _make_slow_call)


def slow_rows() -> Path:
    """The folder of a bundle that takes some milliseconds for each row."""
    return kept("bench-slow-rows", _key(), _make_slow_rows)


def _key() -> str:
    return key(Path(__file__), *(version(library) for library in LIBRARIES))


def _make(recipe: Recipe, folder: Path) -> None:
    rows, labels = recipe.data()
    estimator = recipe.estimator().fit(rows, labels)
    joblib.dump(estimator, folder / "model.joblib")
    for form in recipe.formats:
        _write(estimator, rows, labels, folder / form / "bundle", form)


def _make_slow_call(folder: Path) -> None:
    rows, labels = patients()
    estimator = make_pipeline(*(StandardScaler() for _ in range(SCALERS)), LinearRegression()).fit(rows, labels)
    _write(estimator, rows, labels, folder / "bundle", "sklearn")


def _make_slow_rows(folder: Path) -> None:
    slow(folder / "bundle", TOPIC_ITERATIONS)


def _write(estimator: Any, rows: Tensor, labels: Tensor, path: Path, form: str) -> None:
    path.parent.mkdir(exist_ok=True)
    bundle.write(estimator, rows, labels, path=path, name=NAME, version="1", format=form)
