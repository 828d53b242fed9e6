"""An ONNX copy of an estimator. That it predicts the same is for `parity` to find out."""

import warnings
from collections.abc import Sequence
from typing import Any

from contender_serving.bundle.guests import GUESTS
from contender_serving.tensors import BYTES, TensorSpec

OPSETS = {"": 18, "ai.onnx.ml": 3}


class NotConvertible(ValueError):
    """The estimator has no ONNX form; the message says why."""


def convert(model: Any, inputs: Sequence[TensorSpec], outputs: Sequence[str], *, single: bool = False) -> bytes:
    """The estimator as ONNX bytes, its inputs and outputs named like `inputs` and `outputs`.

    Numbers are counted in float64 unless the input is float32, or `single` asks for it: trees that other estimators
    are made of are right only so. Raises `NotConvertible`; `ImportError` where a library is missing.
    """
    try:
        if isinstance(model, GUESTS):
            return bytes(model.as_onnx())
        with warnings.catch_warnings(action="ignore"):  # of what parity finds out anyway
            graph = _convert(_with_own_trees(model), inputs, outputs, single=single)
    except ImportError:
        raise
    except Exception as error:  # skl2onnx and onnx raise of many kinds, and at great length
        raise NotConvertible(f"{type(model).__name__} has no ONNX form: {shown(error)}") from error
    return bytes(graph.SerializeToString())


def shown(error: Exception) -> str:
    """An error's beginning: those of skl2onnx print whole models."""
    return (str(error).splitlines() or [type(error).__name__])[0][:150]


def _with_own_trees(model: Any) -> Any:
    from sklearn.pipeline import Pipeline  # here, as skl2onnx: reading a bundle has no use for them

    from contender_serving.bundle import tree_graph

    steps = model.steps if isinstance(model, Pipeline) else [("model", model)]
    trees = tree_graph.stand_in(steps[-1][1])
    return model if trees is None else Pipeline([*steps[:-1], ("trees", trees)])


def _convert(model: Any, inputs: Sequence[TensorSpec], outputs: Sequence[str], *, single: bool) -> Any:
    from skl2onnx import convert_sklearn  # the extra `write`: 300 MB that only a writer of bundles needs

    from contender_serving.bundle import tree_graph

    tree_graph.register()
    classifies = hasattr(model, "classes_")
    names = [*outputs, "predict_proba"][: 1 + classifies]  # skl2onnx always adds scores to labels
    return convert_sklearn(
        model,
        initial_types=[(spec.name, _element(spec, single=single)) for spec in inputs],
        final_types=[(name, None) for name in names],
        options={id(model): {"zipmap": False}} if classifies else None,
        target_opset=OPSETS,
    )


def _element(spec: TensorSpec, *, single: bool) -> Any:
    from skl2onnx.common import data_types

    number = data_types.FloatTensorType if single or spec.datatype == "FP32" else data_types.DoubleTensorType
    element = data_types.StringTensorType if spec.datatype == BYTES else number
    return element([None, *(spec.shape[1:] or (1,))])
