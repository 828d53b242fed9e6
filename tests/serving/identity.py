"""Bundles of a graph that answers each input as it is, for every datatype: what a client sent is what it must get."""

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from contender_serving.bundle.manifest import GOLDEN, Format, Framework
from contender_serving.bundle.writing import seal
from contender_serving.tensors import BYTES, NUMPY, Signature, Tensor, TensorSpec

HALF = ("FP16",)  # has no JSON
DATATYPES = tuple(datatype for datatype in NUMPY if datatype not in HALF)
COLUMNS = 3

_OPSET = 17
_IR = 9  # what onnxruntime takes, old and new


def write(path: Path, datatypes: Sequence[str] = DATATYPES) -> str:
    """Write the bundle into the new folder `path`: the input `fp32` is answered by the output `fp32_out`, and so on."""
    path.mkdir(parents=True)
    names = [datatype.lower() for datatype in datatypes]
    (path / "model.onnx").write_bytes(_graph(dict(zip(names, datatypes, strict=True))))
    golden = {name: zeros(datatype, 1).tolist() for name, datatype in zip(names, datatypes, strict=True)}
    outputs = {f"{name}_out": values for name, values in golden.items()}
    (path / GOLDEN).write_text(json.dumps({"tolerance": 0, "inputs": golden, "outputs": outputs}))
    framework = Framework("onnx", version("onnx"))
    return seal(
        path, name="identity", version="1", format=Format.ONNX, framework=framework, signature=_signature(datatypes)
    )


def zeros(datatype: str, rows: int) -> Tensor:
    """Rows of zeros, or of empty texts."""
    return np.full((rows, COLUMNS), "" if datatype == BYTES else 0, NUMPY[datatype])


def extremes(datatype: str) -> Tensor:
    """Two rows with the least and the largest value, and what is easily mangled."""
    dtype = NUMPY[datatype]
    if datatype == BYTES:
        return np.array([["", "é\0\n", "\U0001f600"], ['"\\', "x" * 1000, " "]], object)
    if dtype.kind == "b":
        return np.array([[True, False, True], [False, True, False]])
    limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    small = limits.tiny if isinstance(limits, np.finfo) else 1
    return np.array([[limits.min, limits.max, 0], [small, -small if dtype.kind != "u" else small, 2]], dtype)


def _signature(datatypes: Sequence[str]) -> Signature:
    specs = [(datatype.lower(), datatype) for datatype in datatypes]
    return Signature(
        tuple(TensorSpec(name, datatype, (-1, COLUMNS)) for name, datatype in specs),
        tuple(TensorSpec(f"{name}_out", datatype, (-1, COLUMNS)) for name, datatype in specs),
    )


def _graph(datatypes: dict[str, str]) -> bytes:
    elements = {name: _element(datatype) for name, datatype in datatypes.items()}
    graph = helper.make_graph(
        [helper.make_node("Identity", [name], [f"{name}_out"]) for name in elements],
        "echo",
        [helper.make_tensor_value_info(name, element, [None, COLUMNS]) for name, element in elements.items()],
        [helper.make_tensor_value_info(f"{name}_out", element, [None, COLUMNS]) for name, element in elements.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)
    onnx.checker.check_model(model)
    serialized: bytes = model.SerializeToString()
    return serialized


def _element(datatype: str) -> int:
    if datatype == BYTES:
        return TensorProto.STRING
    element: int = helper.np_dtype_to_tensor_dtype(NUMPY[datatype])
    return element
