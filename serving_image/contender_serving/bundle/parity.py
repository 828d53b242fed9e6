"""How far an ONNX copy is from its estimator. A server uses a copy only within `BOUND` and with no other label."""

import time
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np

from contender_serving.bundle.manifest import COPY, PARITY, Bundle
from contender_serving.failures import Failure, Reason
from contender_serving.predictor import Predictor
from contender_serving.tensors import Tensor

BOUND = 1e-5  # of a number's difference, over the greater of 1 and the estimator's number
BATCH = 256
REPEATS = 20


class OutputParity(msgspec.Struct, frozen=True):
    """One output: the largest difference of its numbers, and how many of its labels (integers, texts) disagree."""

    largest_difference: float
    disagreeing: int


class Parity(msgspec.Struct, frozen=True):
    """The content of parity.json."""

    rows: int  # of the data given
    edge_rows: int
    outputs: dict[str, OutputParity]
    microseconds: dict[str, float]  # to predict one row: `estimator`, `copy`
    largest_input: float | None = None  # beyond it the estimator refuses, and so must the copy

    @property
    def within_bound(self) -> bool:
        """Whether the copy may stand for the estimator."""
        return all(o.disagreeing == 0 and o.largest_difference <= BOUND for o in self.outputs.values())

    def __str__(self) -> str:
        largest = max(output.largest_difference for output in self.outputs.values())
        disagreeing = sum(output.disagreeing for output in self.outputs.values())
        return (
            f"largest difference {largest:.1g}, {disagreeing} disagreeing labels "
            f"on {self.rows} rows of the data and {self.edge_rows} at its edges"
        )


def save(folder: Path, parity: Parity) -> None:
    """Write parity.json."""
    (folder / PARITY).write_bytes(msgspec.json.encode(parity))


def read(bundle: Bundle) -> Parity | None:
    """The report beside a bundle's ONNX copy; None if there is no copy. Raises `Failure` (InvalidBundle)."""
    if not (bundle.has(COPY) and bundle.has(PARITY)):
        return None
    try:
        return msgspec.json.decode((bundle.folder / PARITY).read_bytes(), type=Parity)
    except msgspec.DecodeError as error:
        raise Failure(Reason.INVALID_BUNDLE, f"{PARITY}: {error}; write the bundle again") from None


def compare(
    estimator: Predictor, copy: Predictor, rows: Mapping[str, Tensor], edges: Mapping[str, Tensor]
) -> dict[str, OutputParity]:
    """Both predictors' answers to the same rows. Raises what the estimator raises."""
    names = [spec.name for spec in estimator.signature.outputs]
    together = {name: np.concatenate([tensor, edges[name]]) for name, tensor in rows.items()}
    ours, theirs = _predict(copy, together, names), _predict(estimator, together, names)
    return {name: _difference(ours[name], theirs[name]) for name in names}


def microseconds(predictor: Predictor, rows: Mapping[str, Tensor]) -> float:
    """The least time that one row takes."""
    names = [spec.name for spec in predictor.signature.outputs]
    row = {name: tensor[:1] for name, tensor in rows.items()}
    return round(min(_seconds(predictor, row, names) for _ in range(REPEATS)) * 1e6, 1)


def _seconds(predictor: Predictor, row: Mapping[str, Tensor], names: list[str]) -> float:
    began = time.perf_counter()
    predictor.predict(row, names)
    return time.perf_counter() - began


def _predict(predictor: Predictor, rows: Mapping[str, Tensor], names: list[str]) -> dict[str, Tensor]:
    count = len(next(iter(rows.values())))
    starts = range(0, count, BATCH)
    parts = [predictor.predict({name: t[i : i + BATCH] for name, t in rows.items()}, names) for i in starts]
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def _difference(ours: Tensor, theirs: Tensor) -> OutputParity:
    if ours.shape != theirs.shape:
        return OutputParity(np.inf, len(theirs))
    if theirs.dtype.kind != "f":
        return OutputParity(0.0, int((ours != theirs).sum()))
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    with np.errstate(invalid="ignore"):
        apart = np.abs(ours.astype(float) - theirs) / np.maximum(1.0, np.abs(theirs))
    return OutputParity(float(np.where(same, 0.0, np.nan_to_num(apart, nan=np.inf)).max(initial=0.0)), 0)
