"""What a fitted estimator takes and gives: found out by asking it, with the data at hand."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from contender_serving.tables import argument
from contender_serving.tensors import Signature, Tensor, missing, spec_of


def outputs(model: Any, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The model's own answers to a batch; raises whatever it raises."""
    rows = argument(inputs)
    answers = {"predict": np.asarray(model.predict(rows))}
    if hasattr(model, "predict_proba") and isinstance(probabilities := model.predict_proba(rows), np.ndarray):
        answers["predict_proba"] = probabilities
    return answers


def signature(model: Any, inputs: Mapping[str, Tensor], answers: Mapping[str, Tensor]) -> Signature:
    """Names, datatypes and shapes, and which inputs may miss values."""
    specs = [spec_of(name, tensor, nullable=_nullable(model, inputs, name)) for name, tensor in inputs.items()]
    return Signature(tuple(specs), tuple(spec_of(name, tensor) for name, tensor in answers.items()))


def takes(model: Any, inputs: Mapping[str, Tensor]) -> bool:
    """Whether the model predicts a batch rather than refuse it."""
    return _predicted(model, inputs) is not None


def _predicted(model: Any, inputs: Mapping[str, Tensor]) -> Tensor | None:
    try:
        with warnings.catch_warnings(action="ignore"):
            return np.asarray(model.predict(argument(inputs)))
    except (ValueError, TypeError):  # scikit-learn's words for input that an estimator does not take
        return None


def _nullable(model: Any, inputs: Mapping[str, Tensor], name: str) -> bool:
    """Whether each of an input's features may be missing, or one already is in the data."""
    tensor = inputs[name]
    if tensor.dtype.kind not in "fO" or (tensor.dtype.kind == "O" and list(inputs) == ["input_0"]):
        return False
    if missing(tensor).any():
        return True
    features = tensor[:1].size
    probe = {other: np.repeat(values[:1], features, axis=0) for other, values in inputs.items()}
    holes = np.eye(features, dtype=bool).reshape(features, *tensor.shape[1:])
    probe[name][holes] = np.nan if tensor.dtype.kind == "f" else None
    answer = _predicted(model, probe)
    return answer is not None and not missing(answer).any()  # networks take NaN, and answer it
