"""Real bundles of stock scikit-learn estimators on its shipped digits (64 pixels, each 0 to 16), good and bad ones.

Each function writes a bundle into the new folder `path` and returns its digest. All take the same input, so that any
can be another's challenger, and differ in what a trial is to find out. The faults are real: what a model was fitted
on, or how, makes it slow or wrong, and the serving image knows nothing of it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits
from sklearn.decomposition import LatentDirichletAllocation
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from contender_serving import bundle
from contender_serving.bundle.manifest import COPY, GOLDEN, PARITY
from contender_serving.bundle.writing import INPUT, seal

Rows = NDArray[np.float64]

NAME = "digits"
FULL_INK = 16.0  # the darkest value of a pixel
FAILING_PIXEL = 20  # where `failing` meets a value that it was not fitted on: fully inked in 16 % of the digits
OTHER_PIXEL = 58  # the same in 4 %: for a champion that fails too, now and then
FEWER_PIXELS = 48  # what `refusing` takes: the scan's lower quarter is cut off
FEW = 80  # digits, which are what `mistaken` knows
ITERATIONS = 60_000  # of the topic model in `slow`: about 0.35 s a row on the machine that this was written on


@cache
def digits() -> tuple[Rows, NDArray[np.int64]]:
    """The data: 1,797 rows of 64 pixels, and the digit of each."""
    rows, labels = load_digits(return_X_y=True)
    return rows, labels


def good_v1(path: Path, format: str = "sklearn") -> str:  # noqa: A002, as in `bundle.write`
    """A logistic regression on a third of the data. As ONNX it takes a tenth of the processor time."""
    rows, labels = digits()
    return _write(_regression(rows[::3], labels[::3]), path, "1", rows, labels, format)


def good_v2(path: Path, format: str = "sklearn") -> str:  # noqa: A002, as in `bundle.write`
    """A small neural network on all of the data: as quick, and more often right."""
    rows, labels = digits()
    network = make_pipeline(StandardScaler(), MLPClassifier((32,), random_state=0, max_iter=500)).fit(rows, labels)
    return _write(network, path, "2", rows, labels, format)


def mistaken(path: Path) -> str:
    """Fitted on eighty digits: as quick as the others, and wrong a quarter of the time."""
    rows, labels = digits()
    return _write(_regression(rows[:FEW], labels[:FEW]), path, "3-mistaken", rows, labels)


def slow(path: Path, iterations: int = ITERATIONS) -> str:
    """Adds topic features, each request's topics iterated far beyond use. Time grows linearly with `iterations`."""
    rows, labels = digits()
    model = make_pipeline(make_union(StandardScaler(), _topics()), LogisticRegression(max_iter=1000)).fit(rows, labels)
    _iterate(model, iterations)
    return _write(model, path, "3-slow", rows, labels)


def failing(path: Path, pixel: int = FAILING_PIXEL, version: str = "3-failing") -> str:
    """Takes a pixel for a category, and was fitted where it is never fully inked: raises (500) where it is.

    Which rows those are says `fails`; `traffic` draws requests with a wanted share of them.
    """
    rows, labels = _without_full_ink(pixel)
    return _write(_categorical(pixel).fit(rows, labels), path, version, rows, labels)


def slow_and_failing(path: Path, iterations: int = ITERATIONS) -> str:
    """Both at once: slow wherever it does not fail."""
    rows, labels = _without_full_ink(FAILING_PIXEL)
    model = _categorical(FAILING_PIXEL, _topics()).fit(rows, labels)
    _iterate(model, iterations)
    return _write(model, path, "3", rows, labels)


def refusing(path: Path) -> str:
    """Fitted on fewer pixels: its signature takes none of what the others take (400)."""
    rows, labels = digits()
    fewer = rows[:, :FEWER_PIXELS]
    return _write(_regression(fewer, labels), path, "3-refusing", fewer, labels)


def never_ready(path: Path) -> str:
    """A whole and verified bundle whose golden examples expect what the model does not predict."""
    good_v1(path)
    golden = json.loads((path / GOLDEN).read_text())
    golden["outputs"]["predict"] = [(digit + 1) % 10 for digit in golden["outputs"]["predict"]]
    (path / GOLDEN).write_text(json.dumps(golden))
    return reseal(path, version="3-never-ready")


def reseal(path: Path, **changes: Any) -> str:
    """Write contender.yaml over files that were changed by hand, with fields of its own changed; returns the digest."""
    manifest = bundle.read(path).manifest
    fields = ("name", "version", "format", "framework", "signature")
    return seal(path, **{field: getattr(manifest, field) for field in fields} | changes)


def without_copy(path: Path, write: Callable[[Path], object] | None = None) -> str:
    """Write a bundle, unless it is there, and take its ONNX copy away, so that the estimator itself answers."""
    if write:
        write(path)
    (path / COPY).unlink(missing_ok=True)
    (path / PARITY).unlink(missing_ok=True)
    return reseal(path)


def fails(rows: Rows, pixel: int = FAILING_PIXEL) -> NDArray[np.bool_]:
    """For each row, whether `failing(pixel=pixel)` raises on it."""
    return np.asarray(rows[:, pixel] == FULL_INK)


def traffic(count: int, shares: Mapping[int, float], seed: int = 0) -> Rows:
    """`count` rows in random order, of which a share, for each pixel given, makes that pixel's failing model raise.

    The rows of one share make none of the other pixels' models raise, the rest makes none raise at all.
    """
    rows, _ = digits()
    dice = np.random.default_rng(seed)
    at_fault = np.column_stack([fails(rows, pixel) for pixel in shares]) if shares else np.zeros((len(rows), 0), bool)
    alone = at_fault.sum(axis=1) == 1
    kinds = [rows[~at_fault.any(axis=1)], *(rows[alone & at_fault[:, i]] for i in range(len(shares)))]
    chances = [1 - sum(shares.values()), *shares.values()]
    drawn = dice.choice(len(kinds), size=count, p=chances)
    return np.stack([kinds[kind][dice.integers(len(kinds[kind]))] for kind in drawn])


def v2_request(rows: Rows, outputs: Sequence[str] = ("predict",)) -> bytes:
    """The body of an Open Inference request for these rows, each of 64 pixels."""
    tensor = {"name": INPUT, "shape": rows.shape, "datatype": "FP64", "data": rows.ravel().tolist()}
    return json.dumps({"inputs": [tensor], "outputs": [{"name": name} for name in outputs]}).encode()


def _regression(rows: Rows, labels: NDArray[np.int64]) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(rows, labels)


def _topics() -> Any:
    return LatentDirichletAllocation(10, max_iter=2, random_state=0)


def _iterate(model: Any, iterations: int) -> None:
    """Make a fitted model's topics take `iterations` rounds for each row, converged or not."""
    for name in model.get_params():
        if name.endswith("__max_doc_update_iter"):
            model.set_params(**{name: iterations, name.replace("max_doc_update_iter", "mean_change_tol"): 0.0})


def _categorical(pixel: int, *more: Any) -> Any:
    others = [i for i in range(64) if i != pixel]
    encoded = (OneHotEncoder(handle_unknown="error"), [pixel])
    features = make_column_transformer(encoded, (StandardScaler(), others), *((part, others) for part in more))
    return make_pipeline(features, LogisticRegression(max_iter=1000))


def _without_full_ink(pixel: int) -> tuple[Rows, NDArray[np.int64]]:
    rows, labels = digits()
    return rows[~fails(rows, pixel)], labels[~fails(rows, pixel)]


def _write(
    model: Any, path: Path, version: str, rows: Rows, labels: NDArray[np.int64], model_format: str = "sklearn"
) -> str:
    return bundle.write(model, rows, labels, path=path, name=NAME, version=version, format=model_format).digest
