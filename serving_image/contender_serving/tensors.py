"""Tensors as the Open Inference Protocol sees them: datatypes, their numpy types, and what a model takes and gives."""

from typing import Any, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

Tensor: TypeAlias = NDArray[Any]

BYTES = "BYTES"
NUMPY: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    **{f"UINT{bits}": np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": np.dtype(f"int{bits}") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": np.dtype(f"float{bits}") for bits in (16, 32, 64)},
    BYTES: np.dtype(np.object_),  # Python strings
}
_DATATYPES = {dtype: datatype for datatype, dtype in NUMPY.items()}


def datatype_of(tensor: Tensor) -> str:
    """The protocol's name for a tensor's type; raises `TypeError` for a type that it has no name for."""
    if tensor.dtype.kind in "UO":
        return BYTES
    try:
        return _DATATYPES[tensor.dtype]
    except KeyError:
        raise TypeError(f"no datatype of the Open Inference Protocol holds {tensor.dtype} values") from None


_NONE = np.array(None, dtype=object)


def missing(tensor: Tensor) -> Tensor:
    """Where a tensor has missing values: NaN among floats, None among texts."""
    if tensor.dtype.kind == "f":
        return np.asarray(np.isnan(tensor))
    return np.asarray(tensor == _NONE) if tensor.dtype.kind == "O" else np.zeros(tensor.shape, dtype=bool)


class TensorSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """One input or output: its name, datatype, and shape, in which -1 is any length (the first is the batch)."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    nullable: bool = False  # whether the model takes missing values (NaN)


class Signature(msgspec.Struct, frozen=True):
    """What a model takes and gives."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


def spec_of(name: str, tensor: Tensor, *, nullable: bool = False) -> TensorSpec:
    """The specification that a batch like this one keeps."""
    return TensorSpec(name, datatype_of(tensor), (-1, *tensor.shape[1:]), nullable)
