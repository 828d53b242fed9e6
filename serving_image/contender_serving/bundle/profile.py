"""The reference profile: how each feature was distributed in the data that the model was written with."""

from pathlib import Path

import msgspec
import numpy as np

from contender_serving.bundle.manifest import PROFILE
from contender_serving.tensors import Tensor

BINS = 10  # deciles


class FeatureProfile(msgspec.Struct, frozen=True):
    """One feature: ascending bin edges (the last bin is closed), a count for each bin, and the missing values."""

    name: str
    edges: list[float]
    counts: list[int]
    missing: int


def save(folder: Path, X: Tensor) -> None:
    """Write reference_profile.json. Only a table of numbers has features; of any other input just the rows count."""
    numeric = X.ndim == 2 and X.dtype.kind in "fiub"
    features = [_profile(f"feature-{i}", column) for i, column in enumerate(X.T)] if numeric else []
    (folder / PROFILE).write_bytes(msgspec.json.encode({"rows": len(X), "features": features}))


def _profile(name: str, column: Tensor) -> FeatureProfile:
    values = column.astype(np.float64)
    present = values[~np.isnan(values)]
    edges = np.unique(np.quantile(present, np.linspace(0, 1, BINS + 1))) if len(present) else np.empty(0)
    if len(edges) == 1:
        edges = np.repeat(edges, 2)  # a constant feature: one bin of no width
    counts = np.histogram(present, bins=edges)[0] if len(edges) else np.empty(0, dtype=int)
    return FeatureProfile(name, edges.tolist(), counts.tolist(), missing=len(values) - len(present))
