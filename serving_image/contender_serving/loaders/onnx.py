"""ONNX models, run by onnxruntime on one thread."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidProtobuf

from contender_serving.failures import Failure, Reason
from contender_serving.tensors import NUMPY, Signature, Tensor, TensorSpec, datatype_of

# The element types that ONNX names otherwise than numpy does.
_ELEMENTS: dict[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(double)": np.dtype(np.float64),
    "tensor(string)": np.dtype(np.object_),
}


class OnnxPredictor:
    """An onnxruntime session; inputs and outputs go by name."""

    platform = "onnx_onnxv1"
    computes_all = True  # whatever is fetched, the whole graph is run

    def __init__(self, file: Path, signature: Signature | None, largest: float | None = None, parity: str = "") -> None:
        """Load a graph. `largest` is the greatest number that it may be asked; `parity` describes what it copies.

        Without a signature it has the graph's own, and all of the graph must be in the file.
        """
        self.properties = {"engine": f"onnxruntime {onnxruntime.__version__}"} | ({"parity": parity} if parity else {})
        self._largest = largest
        self._session = _session(file, alone=signature is None)
        self.signature = signature = signature or _signature(self._session)
        elements = {node.name: _element(node.type) for node in self._session.get_inputs()}
        ranks = {node.name: len(node.shape) for node in self._session.get_inputs()}
        _check_names("inputs", [spec.name for spec in signature.inputs], list(elements))
        answered = {node.name: node.type for node in self._session.get_outputs()}
        _check_names("outputs", [spec.name for spec in signature.outputs], list(answered))
        self._feeds = [
            (spec.name, elements[spec.name], len(spec.shape) < ranks[spec.name])
            for spec in signature.inputs
            if elements[spec.name] != NUMPY[spec.datatype] or len(spec.shape) < ranks[spec.name]
        ]
        self._like = {
            spec.name: (_other(NUMPY[spec.datatype], _element(answered[spec.name])), len(spec.shape))
            for spec in signature.outputs
        }

    def predict(self, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> dict[str, Tensor]:
        """Answer with the graph, whose own number types may be other than the signature's."""
        if self._largest is not None:
            _check_largest(inputs, self._largest)
        feed = dict(inputs)
        for name, element, column in self._feeds:  # graphs take columns where estimators take vectors
            converted = inputs[name].astype(element, copy=False)
            feed[name] = converted[:, None] if column else converted
        answers = self._session.run(outputs, feed)
        return {name: _like(answer, *self._like[name]) for name, answer in zip(outputs, answers, strict=True)}


def _session(file: Path, *, alone: bool) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    # External data is looked for in the bundle; onnxruntime refuses paths that leave the folder named here.
    if not alone:
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(file.parent))
    try:
        return onnxruntime.InferenceSession(file.read_bytes(), options, providers=["CPUExecutionProvider"])
    except InvalidProtobuf:
        raise Failure(
            Reason.FORMAT_MISMATCH,
            f"{file.name} is not an ONNX model; write the bundle again, or set the format that it has",
        ) from None


def _signature(session: Any) -> Signature:
    """A graph's own inputs, and those of its outputs that are tensors."""
    inputs, outputs = (
        tuple(_spec(node) for node in nodes if node.type.startswith("tensor("))
        for nodes in (session.get_inputs(), session.get_outputs())
    )
    return Signature(inputs, outputs)


def _spec(node: Any) -> TensorSpec:
    shape = [length if isinstance(length, int) else -1 for length in node.shape]
    if not shape:
        raise Failure(
            Reason.INVALID_BUNDLE, f"{node.name} has no dimension for rows; export the graph with a batch of them"
        )
    return TensorSpec(node.name, datatype_of(np.empty(0, _element(node.type))), tuple(shape))


def _check_largest(inputs: Mapping[str, Tensor], largest: float) -> None:
    for tensor in inputs.values():
        if tensor.dtype.kind == "f" and np.abs(tensor).max() > largest:
            raise ValueError("a number is infinite in float32")  # as the estimator itself raises


def _like(answer: Tensor, element: np.dtype[Any] | None, rank: int) -> Tensor:
    """Engines give a column where scikit-learn gives a vector, and float32 where it gives float64."""
    if element is not None:
        answer = answer.astype(element)
    return answer.ravel() if rank == 1 and answer.ndim == 2 else answer


def _other(wanted: np.dtype[Any], given: np.dtype[Any]) -> np.dtype[Any] | None:
    return None if wanted == given else wanted


def _element(onnx_type: str) -> np.dtype[Any]:
    return _ELEMENTS.get(onnx_type) or np.dtype(onnx_type.removeprefix("tensor(").removesuffix(")"))


def _check_names(what: str, signature: list[str], model: list[str]) -> None:
    missing = set(signature) - set(model) if what == "outputs" else set(signature) ^ set(model)
    if missing:
        raise Failure(
            Reason.INVALID_BUNDLE,
            f"the signature's {what} are {', '.join(signature)}, the model's are {', '.join(model)}; "
            "write the bundle again",
        )
