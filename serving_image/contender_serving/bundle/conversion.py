"""An ONNX copy of a scikit-learn estimator. That it predicts the same is for the caller to check."""

from typing import Any

from contender_serving.tensors import BYTES, TensorSpec


def convert(model: Any, rows: TensorSpec, outputs: list[str]) -> bytes:
    """The estimator as ONNX bytes: one input named and shaped like `rows`, outputs named `outputs`, in their order.

    Trees are right only in float32, in which scikit-learn compares their thresholds; all else keeps float64.
    Raises `ValueError` if the estimator has no ONNX form.
    """
    graph = _convert(model, rows, outputs, double=True)
    if any(node.op_type.startswith("TreeEnsemble") for node in graph.graph.node):
        graph = _convert(model, rows, outputs, double=False)
    return bytes(graph.SerializeToString())


def _convert(model: Any, rows: TensorSpec, outputs: list[str], *, double: bool) -> Any:
    from skl2onnx import convert_sklearn  # the extra `write`: 300 MB that only a writer of ONNX needs
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType

    number = DoubleTensorType if double else FloatTensorType
    element = StringTensorType if rows.datatype == BYTES else number
    shape = [None, *(rows.shape[1:] or (1,))]
    try:
        return convert_sklearn(
            model,
            initial_types=[(rows.name, element(shape))],
            final_types=[(output, None) for output in outputs],
            options={id(model): {"zipmap": False}} if "predict_proba" in outputs else None,
        )
    except (RuntimeError, ValueError) as error:  # skl2onnx and onnx raise either, at great length
        kind = type(model).__name__
        raise ValueError(f"{kind} does not convert to ONNX; write the bundle with format='sklearn'") from error
