"""Tensors as bytes: little-endian, row-major, unpadded; a text is its length in four bytes, then itself in UTF-8."""

from collections.abc import Sequence
from math import prod

import numpy as np

from contender_serving.rejections import InvalidInput
from contender_serving.tensors import BYTES, NUMPY, Tensor, datatype_of

LENGTH = 4  # bytes of a text's length


def decode(raw: memoryview, shape: Sequence[int], datatype: str, name: str) -> Tensor:
    """The tensor that these bytes hold, whole and nothing else. Raises `InvalidInput`."""
    if datatype == BYTES:
        return _texts(raw, prod(shape), name).reshape(shape)
    dtype = NUMPY[datatype]
    if len(raw) != prod(shape) * dtype.itemsize:
        raise InvalidInput(f"input {name}: {datatype} of its shape takes {prod(shape) * dtype.itemsize} bytes")
    if datatype == "BOOL" and (np.frombuffer(raw, np.uint8) > 1).any():
        raise InvalidInput(f"input {name}: a BOOL is one byte, 0 or 1")
    # A copy: aligned, writable (some estimators insist), and in this machine's byte order.
    return np.frombuffer(raw, dtype.newbyteorder("<")).astype(dtype).reshape(shape)


def encode(tensor: Tensor) -> bytes:
    """The bytes of a tensor."""
    if datatype_of(tensor) == BYTES:
        return b"".join(len(text).to_bytes(LENGTH, "little") + text for text in texts(tensor))
    return tensor.astype(tensor.dtype.newbyteorder("<"), copy=False).tobytes()


def texts(tensor: Tensor) -> list[bytes]:
    """The elements of a tensor of texts, in UTF-8."""
    return [text if isinstance(text, bytes) else str(text).encode() for text in tensor.ravel().tolist()]


def from_texts(elements: Sequence[bytes | memoryview], name: str) -> Tensor:
    """A flat tensor of texts. Raises `InvalidInput` unless all are UTF-8."""
    try:
        return np.array([str(element, "utf-8") for element in elements], dtype=NUMPY[BYTES])
    except UnicodeDecodeError:
        raise InvalidInput(f"input {name}: BYTES must be texts in UTF-8") from None


def _texts(raw: memoryview, count: int, name: str) -> Tensor:
    elements: list[memoryview] = []
    at = 0
    while at < len(raw) and len(elements) < count:
        begin = at + LENGTH
        at = begin + int.from_bytes(raw[at:begin], "little")
        elements.append(raw[begin:at])
    if at != len(raw) or len(elements) != count:
        raise InvalidInput(
            f"input {name}: BYTES are {count} texts, each after its length as a little-endian UINT32, and nothing else"
        )
    return from_texts(elements, name)
