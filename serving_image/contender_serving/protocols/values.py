"""JSON arrays to tensors, strictly: an element of another kind than declared is refused, never guessed at."""

import re
from functools import lru_cache
from math import prod
from typing import Any, TypeVar

import msgspec
import numpy as np

from contender_serving.protocols import agreement
from contender_serving.rejections import InvalidInput
from contender_serving.tensors import BYTES, NUMPY, Tensor, TensorSpec

Body = TypeVar("Body")

_OPENING = re.compile(rb"[\[ \t\r\n]*")
_MAY_MISS = ("FP32", "FP64", BYTES)  # null is NaN, or None


def read(decoder: msgspec.json.Decoder[Body], body: bytes) -> Body:
    """A request's body. Raises `InvalidInput` that says what is wrong with it."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"the request does not follow the protocol: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidInput("the body is not JSON in UTF-8 (NaN and Infinity are not JSON; send null)") from None
    except RecursionError:
        raise InvalidInput("the body is nested too deep; nest data like its shape") from None


def tensor(data: msgspec.Raw, shape: tuple[int, ...], datatype: str, spec: TensorSpec) -> Tensor:
    """A tensor of the specification's type from JSON `data`, flat or nested, declared as `shape` and `datatype`.

    Raises `InvalidInput`.
    """
    agreement.check_declared(shape, datatype, spec)
    if datatype == "FP16":
        raise InvalidInput(f"input {spec.name}: FP16 cannot be sent as JSON; send {spec.datatype}, or FP16 as bytes")
    return agreement.fitted(_array(data, shape, datatype, spec.name), spec)


def nested(data: msgspec.Raw, spec: TensorSpec) -> Tensor:
    """A tensor of the specification's type from nested JSON `data` that declares nothing. Raises `InvalidInput`."""
    depth = _depth(data)
    if depth != len(spec.shape):
        raise InvalidInput(f"each instance must be an array of shape {list(spec.shape[1:])}")
    values = _decode(data, spec.datatype, depth, spec.name)
    shape = _shape(values, depth)
    agreement.check_shape(shape, spec)
    return tensor(data, shape, spec.datatype, spec)


def _array(data: msgspec.Raw, shape: tuple[int, ...], datatype: str, name: str) -> Tensor:
    depth = _depth(data)
    if depth not in (1, len(shape)):
        raise InvalidInput(f"input {name}: data must be flat, or nested like its shape")
    values = _decode(data, datatype, depth, name)
    try:
        with np.errstate(over="ignore"):  # too large becomes infinite, which is refused with the missing values
            array = np.array(values, dtype=NUMPY[datatype])
    except (ValueError, OverflowError, TypeError):
        raise InvalidInput(f"input {name}: data is ragged, or a number does not fit into {datatype}") from None
    if array.shape != (shape if depth > 1 else (prod(shape),)):
        raise InvalidInput(f"input {name}: data does not have as many elements as its shape says")
    return array.reshape(shape)


def _depth(data: msgspec.Raw) -> int:
    """How many arrays open before the first element: the nesting, as the first element has it."""
    opening = _OPENING.match(memoryview(data))
    return opening[0].count(b"[") if opening else 0


def _decode(data: msgspec.Raw, datatype: str, depth: int, name: str) -> Any:
    if depth == 0:
        raise InvalidInput(f"input {name}: data must be an array")
    try:
        return _decoder(datatype, depth).decode(data)
    except msgspec.DecodeError:
        raise InvalidInput(f"input {name}: data must be arrays of {datatype} values, all nested alike") from None


@lru_cache
def _decoder(datatype: str, depth: int) -> msgspec.json.Decoder[Any]:
    kind = NUMPY[datatype].kind
    element: Any = {"b": bool, "i": int, "u": int, "f": float, "O": str}[kind]
    if datatype in _MAY_MISS:
        element = element | None
    for _ in range(depth):
        element = list[element]
    return msgspec.json.Decoder(element)


def _shape(values: Any, depth: int) -> tuple[int, ...]:
    """The shape that the first elements have; ragged data is found when the array is made."""
    shape = []
    for _ in range(depth):
        shape.append(len(values))
        values = values[0] if values else ()
    return tuple(shape)
