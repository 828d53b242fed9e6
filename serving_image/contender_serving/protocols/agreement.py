"""Whether what was sent agrees with the signature: names, datatypes, shapes and batch, the same in all protocols."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

import numpy as np

from contender_serving.rejections import InvalidInput
from contender_serving.tensors import BYTES, NUMPY, Signature, Tensor, TensorSpec, datatype_of, missing

EXACT = 2**53  # above it, FP64 does not hold every integer


class Named(Protocol):
    """Something that was sent for one input."""

    @property
    def name(self) -> str:
        """The input's name."""


Sent = TypeVar("Sent", bound=Named)


def paired(sent: Sequence[Sent], signature: Signature) -> list[tuple[TensorSpec, Sent]]:
    """What was sent for each input, in the signature's order. Raises `InvalidInput`."""
    by_name = {tensor.name: tensor for tensor in sent}
    wanted = [spec.name for spec in signature.inputs]
    if by_name.keys() != set(wanted) or len(by_name) != len(sent):
        raise InvalidInput(f"the inputs must be {', '.join(wanted)}, each once")
    return [(spec, by_name[spec.name]) for spec in signature.inputs]


def requested(names: Sequence[str], signature: Signature) -> list[str]:
    """The outputs to answer with: those asked for, or all. Raises `InvalidInput`."""
    known = [spec.name for spec in signature.outputs]
    if not set(names) <= set(known) or len(set(names)) != len(names):
        raise InvalidInput(
            f"the outputs are {', '.join(known)}; ask for some of them, each once, or leave `outputs` out for all"
        )
    return list(names) or known


def check_declared(shape: Sequence[int], datatype: str, spec: TensorSpec) -> None:
    """Raise `InvalidInput` unless the specification takes tensors of this shape and datatype."""
    _check_datatype(datatype, spec)
    check_shape(shape, spec)


def check_shape(shape: Sequence[int], spec: TensorSpec) -> None:
    """Raise `InvalidInput` unless the specification takes tensors of this shape."""
    agrees = len(shape) == len(spec.shape) and all(
        have >= 1 and want in (-1, have) for have, want in zip(shape, spec.shape, strict=True)
    )
    if not agrees:
        raise InvalidInput(f"input {spec.name} must have the shape {list(spec.shape)}, where -1 is at least 1")


def fitted(array: Tensor, spec: TensorSpec) -> Tensor:
    """A tensor of a datatype that the specification takes, as the specification's own. Raises `InvalidInput`."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        _check_not_finite(array, spec)
    if array.dtype.kind == "O" and not spec.nullable and missing(array).any():
        raise InvalidInput(f"input {spec.name} has missing values; this model takes texts only")
    target = NUMPY[spec.datatype]
    if array.dtype.kind in "iu" and target.kind == "f" and array.dtype.itemsize == 8:
        _check_exact(array, spec)
    return array.astype(target, copy=False)


def check_batch(tensors: Mapping[str, Tensor]) -> None:
    """Raise `InvalidInput` unless all inputs have as many rows."""
    if len({len(tensor) for tensor in tensors.values()}) != 1:
        raise InvalidInput("all inputs must have the same batch size, the first number of their shapes")


def accepted(spec: TensorSpec) -> Iterable[str]:
    """The datatypes that fit into the specification's without loss, its own among them."""
    return (datatype for datatype in NUMPY if _fits(datatype, spec))


def _check_datatype(datatype: str, spec: TensorSpec) -> None:
    if datatype not in NUMPY:
        raise InvalidInput(f"input {spec.name} has an unknown datatype; send {spec.datatype}")
    if not _fits(datatype, spec):
        raise InvalidInput(f"input {spec.name} must be {spec.datatype}, or a datatype that fits into it")


def _fits(datatype: str, spec: TensorSpec) -> bool:
    if BYTES in (datatype, spec.datatype):
        return datatype == spec.datatype
    return bool(np.can_cast(NUMPY[datatype], NUMPY[spec.datatype], "safe"))


def _check_not_finite(array: Tensor, spec: TensorSpec) -> None:
    if np.isinf(array).any():
        raise InvalidInput(
            f"input {spec.name}: a number is infinite, or too large for {datatype_of(array)}; send finite numbers"
        )
    if not spec.nullable:
        raise InvalidInput(f"input {spec.name} has missing values; this model takes finite numbers only")


def _check_exact(array: Tensor, spec: TensorSpec) -> None:
    if array.max() > EXACT or array.min() < -EXACT:
        raise InvalidInput(
            f"input {spec.name}: {spec.datatype} does not hold an integer over 2^53; send {spec.datatype}"
        )
