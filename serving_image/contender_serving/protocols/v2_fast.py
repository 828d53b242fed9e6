"""V2 as nearly all clients send it, read in one pass: flat data, of the signature's own datatypes, no parameters.

Whatever is otherwise, right or wrong, is `v2.decode`'s to read, or to refuse with what to send instead.
"""

from array import array
from collections.abc import Sequence
from math import prod
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np

from contender_serving.tensors import NUMPY, Signature, Tensor, TensorSpec

Element = TypeVar("Element", float, int, str, bool)


class FlatTensor(msgspec.Struct, Generic[Element], forbid_unknown_fields=True, gc=False):
    """An input of which all elements are of one kind."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Element]


class Output(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """An output that is asked for."""

    name: str


class PlainRequest(msgspec.Struct, Generic[Element], forbid_unknown_fields=True):
    """A body without parameters."""

    inputs: list[FlatTensor[Element]]
    id: str | None = None
    outputs: list[Output] | None = None


_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    "f": msgspec.json.Decoder(PlainRequest[float]),
    "i": msgspec.json.Decoder(PlainRequest[int]),
    "u": msgspec.json.Decoder(PlainRequest[int]),
    "b": msgspec.json.Decoder(PlainRequest[bool]),
    "O": msgspec.json.Decoder(PlainRequest[str]),
}


def read(body: bytes, signature: Signature) -> tuple[PlainRequest[Any], dict[str, Tensor]] | None:
    """The request and its inputs, or None if it is not as plain as that."""
    specs = signature.inputs
    try:
        request = _DECODERS[NUMPY[specs[0].datatype].kind].decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    sent = request.inputs
    if len(sent) != len(specs):
        return None
    inputs = {}
    for position, spec in enumerate(specs):
        tensor = _tensor(sent[position], spec)
        if tensor is None or len(tensor) != sent[0].shape[0]:
            return None
        inputs[spec.name] = tensor
    return request, inputs


def _tensor(sent: FlatTensor[Any], spec: TensorSpec) -> Tensor | None:
    shape, data = sent.shape, sent.data
    if sent.name != spec.name or sent.datatype != spec.datatype or not data or len(data) != prod(shape):
        return None
    if len(shape) != len(spec.shape) or min(shape) < 1:
        return None
    for have, want in zip(shape, spec.shape, strict=True):
        if want not in (have, -1):
            return None
    return _array(data, spec.datatype, shape)


def _array(data: list[Any], datatype: str, shape: Sequence[int]) -> Tensor | None:
    if datatype == "FP64":  # JSON has no infinite numbers, and `array` is quicker than numpy to read a list
        return np.frombuffer(array("d", data)).reshape(shape)
    try:
        with np.errstate(over="ignore"):
            tensor = np.array(data, dtype=NUMPY[datatype])
    except OverflowError:
        return None
    return tensor.reshape(shape) if tensor.dtype.kind != "f" or np.isfinite(tensor).all() else None
