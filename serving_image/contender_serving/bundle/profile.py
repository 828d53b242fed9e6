"""The reference profile: how features and score were distributed in the data that the model was written with."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from contender_serving.bundle.manifest import PROFILE
from contender_serving.tensors import Tensor, missing

BINS = 10
CATEGORIES = 1000  # of more, a text is no category and only counts its missing values


class FeatureProfile(msgspec.Struct, frozen=True, omit_defaults=True):
    """One feature: numbers by ascending bin edges (the last bin is closed) and a count for each bin; texts by value."""

    name: str
    edges: list[float]
    counts: list[int]
    missing: int
    input: str = "input_0"
    column: int = 0  # of the input, each row flattened
    categories: dict[str, int] | None = None


class ScoreProfile(msgspec.Struct, frozen=True):
    """The score: of two classes the second's probability, of more the greatest; or the number that is predicted."""

    edges: list[float]
    counts: list[int]


class Profile(msgspec.Struct, frozen=True):
    """The content of reference_profile.json."""

    rows: int
    features: list[FeatureProfile]
    score: ScoreProfile | None = None


def save(folder: Path, inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor], names: Sequence[str] = ()) -> None:
    """Write reference_profile.json; `names` are those of an array's columns. Rows of texts alone have no features."""
    rows = len(next(iter(inputs.values())))
    features = [feature for name, tensor in inputs.items() for feature in _features(name, tensor, names)]
    scores = score(outputs)
    profile = Profile(
        rows, features, None if scores is None else _score(scores, probabilities="predict_proba" in outputs)
    )
    (folder / PROFILE).write_bytes(msgspec.json.encode(profile))


def read(folder: Path) -> Profile:
    """Read reference_profile.json. Raises `msgspec.DecodeError` or `OSError`."""
    return msgspec.json.decode((folder / PROFILE).read_bytes(), type=Profile)


def score(outputs: Mapping[str, Tensor]) -> Tensor | None:
    """The score of each row, None where the outputs hold none."""
    probabilities = outputs.get("predict_proba")
    if probabilities is not None and probabilities.ndim == 2:
        return probabilities[:, 1] if probabilities.shape[1] == 2 else probabilities.max(axis=1)
    predicted = outputs.get("predict")
    return predicted if predicted is not None and predicted.ndim == 1 and predicted.dtype.kind == "f" else None


def _features(input: str, tensor: Tensor, names: Sequence[str]) -> Iterator[FeatureProfile]:
    if input == "input_0" and tensor.ndim == 2 and tensor.dtype.kind in "fiub":
        for i, column in enumerate(tensor.T):
            yield _numbers(column, name=names[i] if names else f"feature-{i}", column=i)
    elif input != "input_0" and tensor.ndim == 1:
        profile = _texts if tensor.dtype.kind == "O" else _numbers
        yield profile(tensor, name=input, input=input)


def _numbers(numbers: Tensor, **where: Any) -> FeatureProfile:
    values = numbers.astype(np.float64)
    present = values[~np.isnan(values)]
    edges, counts = _histogram(present, np.quantile(present, np.linspace(0, 1, BINS + 1)) if len(present) else present)
    return FeatureProfile(edges=edges, counts=counts, missing=len(values) - len(present), **where)


def _texts(texts: Tensor, **where: Any) -> FeatureProfile:
    gone = missing(texts)
    seen = Counter(texts[~gone].tolist())
    categories = dict(seen) if len(seen) <= CATEGORIES else None
    return FeatureProfile(edges=[], counts=[], missing=int(gone.sum()), categories=categories, **where)


def _score(scores: Tensor, *, probabilities: bool) -> ScoreProfile:
    parts = np.linspace(0, 1, BINS + 1)
    return ScoreProfile(*_histogram(scores, parts if probabilities else np.quantile(scores, parts)))


def _histogram(values: Tensor, edges: Tensor) -> tuple[list[float], list[int]]:
    edges = np.unique(edges)
    if len(edges) == 1:
        edges = np.repeat(edges, 2)  # a constant: one bin of no width
    counts = np.histogram(values, bins=edges)[0] if len(edges) else np.empty(0, dtype=int)
    return edges.tolist(), counts.tolist()
