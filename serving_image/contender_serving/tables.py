"""Data as estimators take it, and as named tensors: one tensor for an array, one for each column of a data frame."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from contender_serving.tensors import Tensor, missing

INPUT = "input_0"  # the one input of a model of plain arrays; ONNX allows no hyphen


def tensors(X: Any) -> dict[str, Tensor]:
    """The inputs of a batch. Raises `TypeError` for values that no tensor holds."""
    if not hasattr(X, "columns"):  # what makes a data frame, whoever's
        return {INPUT: _array(X)}
    return {str(name): _column(str(name), X[name]) for name in X.columns}


def argument(inputs: Mapping[str, Tensor]) -> Any:
    """What an estimator is given for a batch: its array, or a data frame of its columns."""
    if list(inputs) == [INPUT]:
        return inputs[INPUT]
    import pandas as pd  # only models of named columns need it, and it takes 0.3 s

    return pd.DataFrame({name: _values(column) for name, column in inputs.items()})


def _array(X: Any) -> Tensor:
    rows = np.asarray(X)
    if rows.dtype.kind in "UO" and not all(isinstance(value, str) for value in rows.flat):
        raise TypeError("X mixes types; give an array of numbers, an array of texts, or a data frame of columns")
    return rows


def _column(name: str, series: Any) -> Tensor:
    if series.dtype.kind in "biuf" and isinstance(series.dtype, np.dtype):
        return np.asarray(series.to_numpy())
    values = np.array([None if gone else value for value, gone in zip(series, series.isna(), strict=True)], object)
    if not all(value is None or isinstance(value, str) for value in values):
        raise TypeError(f"column {name} holds neither plain numbers nor texts; convert it, and fit the model on that")
    return values


def _values(column: Tensor) -> Any:
    if column.dtype.kind != "O":
        return column
    import pandas as pd

    return pd.Series(np.where(missing(column), np.nan, column), dtype=object)  # pandas' word for missing
