"""Golden examples: a handful of inputs whose outputs are known, so that a server can prove that it predicts right."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np

from contender_serving.bundle.manifest import GOLDEN
from contender_serving.failures import Failure, Reason
from contender_serving.predictor import Predictor
from contender_serving.tensors import NUMPY, Tensor, TensorSpec

_MEND = "write the bundle again from the model, with this image's library versions"


class Golden(msgspec.Struct, frozen=True):
    """The content of golden.json: one batch, its expected outputs, and the tolerance, relative and absolute."""

    tolerance: float
    inputs: dict[str, list[object]]
    outputs: dict[str, list[object]]


def save(folder: Path, inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor], tolerance: float) -> None:
    """Write golden.json."""
    golden = Golden(
        tolerance=tolerance,
        inputs={name: tensor.tolist() for name, tensor in inputs.items()},
        outputs={name: tensor.tolist() for name, tensor in outputs.items()},
    )
    (folder / GOLDEN).write_bytes(msgspec.json.encode(golden))


def check(folder: Path, predictor: Predictor) -> dict[str, Tensor]:
    """Answer the golden examples, which also warms the model up, and return them, as one batch.

    Raises `Failure`: GoldenMismatch, InvalidBundle.
    """
    golden = _load(folder)
    examples = {spec.name: _tensor(golden.inputs, spec) for spec in predictor.signature.inputs}
    given = answers(predictor, examples)
    for spec in predictor.signature.outputs:
        _compare(spec.name, given[spec.name], _tensor(golden.outputs, spec), golden.tolerance)
    return examples


def answers(predictor: Predictor, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """All outputs for golden examples. Raises `Failure`: GoldenMismatch."""
    try:
        return predictor.predict(inputs, [spec.name for spec in predictor.signature.outputs])
    except Exception as error:  # a model may raise anything
        raise Failure(
            Reason.GOLDEN_MISMATCH, f"the model raises {type(error).__name__} on its golden examples; {_MEND}"
        ) from error


def close(answer: Tensor, expected: Tensor, tolerance: float) -> bool:
    """Whether two outputs agree: floats within the tolerance, all else exactly."""
    if answer.shape != expected.shape:
        return False
    if answer.dtype.kind == "f":
        return bool(np.allclose(answer, expected, rtol=tolerance, atol=tolerance, equal_nan=True))
    return bool(np.array_equal(answer, expected))


def _load(folder: Path) -> Golden:
    try:
        return msgspec.json.decode((folder / GOLDEN).read_bytes(), type=Golden)
    except msgspec.DecodeError as error:
        raise Failure(Reason.INVALID_BUNDLE, f"{GOLDEN}: {error}; write the bundle again") from None


def _tensor(values: Mapping[str, list[object]], spec: TensorSpec) -> Tensor:
    try:
        return np.array(values[spec.name], dtype=NUMPY[spec.datatype])
    except (KeyError, TypeError, ValueError):
        raise Failure(
            Reason.INVALID_BUNDLE, f"{GOLDEN} has no {spec.datatype} values for {spec.name}; write the bundle again"
        ) from None


def _compare(name: str, answer: Tensor, expected: Tensor, tolerance: float) -> None:
    if not close(answer, expected, tolerance):
        raise Failure(
            Reason.GOLDEN_MISMATCH,
            f"the model's {name} differs from {GOLDEN} by more than {tolerance:g}: it does not predict here what "
            f"it predicted when it was written; {_MEND}",
        )
