"""The models of the benchmark, made once into the cache: as bundles for us, as joblib and ONNX files for the peers."""

import shutil
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
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.serving.bodies import CASES, JSON_1, JSON_32, Case
from contender_serving import bundle
from contender_serving.bundle.manifest import COPY, PARITY
from contender_serving.tensors import Tensor
from tests.cluster.cache import kept, key
from tests.models import reseal, slow

ROWS = 1024  # the largest batch that is asked
NAME = "model"
ENGINE = "engine.txt"
LIBRARIES = ("scikit-learn", "skops", "skl2onnx")
SCALERS = 1500  # about 200 ms a call, whatever the number of rows, on the machine that this was written on
TOPIC_ITERATIONS = 1000  # some 10 ms for each row


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model of the benchmark comes about, and the format of its bundle.

    `also_alone`: it is served a second time without the ONNX copy that its bundle holds.
    """

    name: str
    title: str
    data: Callable[[], tuple[Tensor, Tensor]]
    estimator: Callable[[], Any]
    format: str = "sklearn"
    also_alone: bool = False


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
        """What the peers load: the estimator itself, or the graph of a model that is ONNX."""
        return self.folder / ("as-written/bundle/model.onnx" if self.recipe.format == "onnx" else "model.joblib")

    @property
    def engine(self) -> str:
        """What runs it in Contender, and why."""
        return self.folder.joinpath(ENGINE).read_text()

    @property
    def cases(self) -> tuple[Case, ...]:
        """What it is asked: texts travel as JSON only, for not all peers take them otherwise."""
        return CASES if self.rows.ndim == 2 else (JSON_1, JSON_32)

    def bundles(self, *, alone: bool) -> Path:
        """The folder that Contender finds its bundle in: `alone` without the ONNX copy."""
        return self.folder / ("alone" if alone else "as-written")


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
        also_alone=True,
    ),
    Recipe("rf", "RandomForest(100)", patients, lambda: RandomForestClassifier(100, random_state=0), also_alone=True),
    Recipe("hgb", "HistGradientBoosting", patients, lambda: HistGradientBoostingClassifier(random_state=0)),
    Recipe(
        "mlp",
        "MLP 30-256-128, ONNX",
        patients,
        lambda: make_pipeline(StandardScaler(), MLPClassifier((256, 128), random_state=0)),
        format="onnx",
    ),
    Recipe(
        "text",
        "texts: TF-IDF + LogisticRegression",
        texts,
        lambda: make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000)),
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
    return key(Path(__file__), Path(bundle.__file__).parent, *(version(library) for library in LIBRARIES))


def _make(recipe: Recipe, folder: Path) -> None:
    rows, labels = recipe.data()
    estimator = recipe.estimator().fit(rows, labels)
    joblib.dump(estimator, folder / "model.joblib")
    path = _bundle(folder / "as-written")
    written = bundle.write(estimator, rows, labels, path=path, name=NAME, format=recipe.format)
    folder.joinpath(ENGINE).write_text(f"{written.platform}, {written.why}")
    if recipe.also_alone:
        shutil.copytree(folder / "as-written", folder / "alone")
        _take_away_the_copy(folder / "alone/bundle")


def _take_away_the_copy(path: Path) -> None:
    (path / COPY).unlink(missing_ok=True)
    (path / PARITY).unlink(missing_ok=True)
    reseal(path)


def _make_slow_call(folder: Path) -> None:
    rows, labels = patients()
    scalers = (StandardScaler() for _ in range(SCALERS))
    estimator = make_pipeline(RBFSampler(n_components=30, random_state=0), *scalers, LinearRegression()).fit(
        rows, labels
    )
    bundle.write(estimator, rows, labels, path=_bundle(folder), name=NAME)  # no ONNX copy: there is none of the first


def _make_slow_rows(folder: Path) -> None:
    slow(_bundle(folder), TOPIC_ITERATIONS)


def _bundle(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder / "bundle"
