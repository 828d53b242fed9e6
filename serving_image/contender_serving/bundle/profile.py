"""The reference profile: how features and score were distributed in the data that the model was written with."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from contender_serving.bundle.manifest import PROFILE, Bundle
from contender_serving.failures import Failure, Reason
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
    """The score: of two classes the second's probability, of more the greatest; or the number that is predicted.

    The counts are those up to each edge, from the one before it, and last those beyond all.
    """

    output: str  # that it is read from
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
    output = "predict_proba" if "predict_proba" in outputs else "predict"
    profile = Profile(rows, features, None if scores is None else _score(scores, output))
    (folder / PROFILE).write_bytes(msgspec.json.encode(profile))


def read(bundle: Bundle) -> Profile:
    """A bundle's reference profile, which is empty if there is none. Raises `Failure` (InvalidBundle)."""
    if not bundle.has(PROFILE):
        return Profile(0, [])
    try:
        profile = msgspec.json.decode((bundle.folder / PROFILE).read_bytes(), type=Profile)
    except msgspec.DecodeError as error:
        raise Failure(Reason.INVALID_BUNDLE, f"{PROFILE}: {error}; write the bundle again") from None
    widths = {spec.name: prod(spec.shape[1:]) for spec in bundle.manifest.signature.inputs}
    for feature in profile.features:
        if not 0 <= feature.column < widths.get(feature.input, 0):
            raise Failure(Reason.INVALID_BUNDLE, f"{PROFILE}: no input has {feature.name}; write the bundle again")
    return profile


def score(outputs: Mapping[str, Tensor]) -> Tensor | None:
    """The score of each row, None where the outputs hold none."""
    probabilities = outputs.get("predict_proba")
    if probabilities is not None and probabilities.ndim == 2:
        return probabilities[:, 1] if probabilities.shape[1] == 2 else probabilities.max(axis=1)
    predicted = outputs.get("predict")
    return predicted if predicted is not None and predicted.ndim == 1 and predicted.dtype.kind == "f" else None


def bins(values: Tensor, edges: Sequence[float]) -> Tensor:
    """How many values lie up to each edge, from the one before it; the last: beyond all edges, or no number."""
    return np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)


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


def _score(scores: Tensor, output: str) -> ScoreProfile:
    parts = np.linspace(0, 1, BINS + 1)
    edges = np.unique(parts if output == "predict_proba" else np.quantile(scores, parts)).tolist()
    return ScoreProfile(output, edges, bins(scores, edges).tolist())


def _histogram(values: Tensor, edges: Tensor) -> tuple[list[float], list[int]]:
    edges = np.unique(edges)
    if len(edges) == 1:
        edges = np.repeat(edges, 2)  # a constant: one bin of no width
    counts = np.histogram(values, bins=edges)[0] if len(edges) else np.empty(0, dtype=int)
    return edges.tolist(), counts.tolist()
