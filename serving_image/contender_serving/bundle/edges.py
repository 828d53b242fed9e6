"""Rows at the edges of the data that a model knows: where an estimator and a copy of it would first part."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from contender_serving.tensors import Signature, Tensor, missing

RESAMPLED = 500
FEATURES = 100  # of more, the first are taken


def edge_rows(inputs: Mapping[str, Tensor], signature: Signature) -> dict[str, Tensor]:
    """Each column resampled by itself; then for each, its extremes, beyond them, and what it never held."""
    dice = np.random.default_rng(0)
    columns = {(name, i): column for name, tensor in inputs.items() for i, column in enumerate(_columns(tensor))}
    nullable = {spec.name for spec in signature.inputs if spec.nullable}
    resampled = {key: dice.choice(column, RESAMPLED) for key, column in columns.items()}
    for key, column in list(columns.items())[:FEATURES]:
        odd = list(_odd(column, nullable=key[0] in nullable))
        for other, values in resampled.items():
            more = np.array(odd, dtype=values.dtype) if other == key else np.repeat(values[:1], len(odd))
            resampled[other] = np.concatenate([values, more])
    return {name: _joined(resampled, name, tensor) for name, tensor in inputs.items()}


def _columns(tensor: Tensor) -> Iterator[Tensor]:
    flat = tensor.reshape(len(tensor), -1)
    return iter(flat.T)


def _joined(columns: Mapping[tuple[str, int], Tensor], name: str, like: Tensor) -> Tensor:
    joined = np.stack([column for (owner, _), column in columns.items() if owner == name], axis=1)
    return joined.reshape(-1, *like.shape[1:])


def _odd(column: Tensor, *, nullable: bool) -> Iterator[Any]:
    """Values that a column's own are near to, and some that they are not."""
    present = column[~missing(column)]
    if column.dtype.kind in "OU":
        yield from ("", "never seen before")
        yield from [None] if nullable else []
        return
    if column.dtype.kind == "b" or not len(present):
        return
    low, high, middle = present.min(), present.max(), np.median(present)
    if column.dtype.kind in "iu":
        kind = np.iinfo(column.dtype)
        yield from {max(int(low) - 1, kind.min), min(int(high) + 1, kind.max), int(middle), 0}
        return
    yield from (low, high, np.nextafter(low, -np.inf), np.nextafter(high, np.inf), low - 1, high + 1, middle, 0, 1e6)
    yield from [np.nan] if nullable else []
