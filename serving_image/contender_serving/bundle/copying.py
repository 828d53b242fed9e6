"""Whether an estimator can be served by an ONNX copy of it: converted, compared, and kept only if it is as good."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from contender_serving.bundle import conversion, describing, parity
from contender_serving.bundle.edges import edge_rows
from contender_serving.bundle.guests import GUESTS
from contender_serving.bundle.manifest import COPY
from contender_serving.predictor import Predictor
from contender_serving.tensors import BYTES, Signature, Tensor

SINGLE_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a copy was kept, and why or why not, for a person."""

    why: str
    kept: bool = False


def add_copy(folder: Path, model: Any, estimator: Predictor, inputs: Mapping[str, Tensor]) -> Verdict:
    """Write copy.onnx and parity.json if the copy answers as the estimator does; parity.json alone if it does not.

    `estimator` is the model as a server would run it, `inputs` the data that they are compared on.
    """
    graphs, why_not = _converted(model, estimator.signature)
    if not graphs:
        return Verdict(why_not)
    edges = edge_rows(inputs, estimator.signature)
    if obstacle := _obstacle(model, estimator.signature, edges):
        return Verdict(obstacle)
    largest = _largest_input(model, inputs)
    verdict = Verdict("")
    for graph in graphs:
        verdict = _try(folder, graph, largest, estimator, inputs, edges)
        if verdict.kept:
            return verdict
        (folder / COPY).unlink(missing_ok=True)
    return verdict


def _converted(model: Any, signature: Signature) -> tuple[list[bytes], str]:
    """The ONNX forms that a model has, the likeliest to be equal first; and why it has none."""
    graphs, why_not, names = [], "", [spec.name for spec in signature.outputs]
    for single in (False,) if isinstance(model, GUESTS) else (False, True):
        try:
            graphs.append(conversion.convert(model, signature.inputs, names, single=single))
        except conversion.NotConvertible as error:
            why_not = why_not or str(error)
    return graphs, why_not


def _obstacle(model: Any, signature: Signature, edges: Mapping[str, Tensor]) -> str | None:
    if [spec.datatype for spec in signature.inputs if spec.name == "input_0"] == [BYTES]:
        return "ONNX splits texts into words otherwise than scikit-learn, if they are not ASCII"
    if not describing.takes(model, edges):
        return "the estimator refuses some values that it was not fitted on, and an ONNX copy would answer them"
    return None


def _try(
    folder: Path,
    graph: bytes,
    largest: float | None,
    estimator: Predictor,
    inputs: Mapping[str, Tensor],
    edges: Mapping[str, Tensor],
) -> Verdict:
    from contender_serving.loaders.onnx import OnnxPredictor

    (folder / COPY).write_bytes(graph)
    try:
        copy = OnnxPredictor(folder / COPY, estimator.signature, largest)
        compared = parity.compare(estimator, copy, inputs, edges)
    except Exception as error:  # what skl2onnx wrote may fail in every way, and the estimator is served all the same
        return Verdict(f"the ONNX copy does not run: {conversion.shown(error)}")
    report = parity.Parity(
        rows=len(next(iter(inputs.values()))),
        edge_rows=len(next(iter(edges.values()))),
        outputs=compared,
        microseconds={"estimator": parity.microseconds(estimator, inputs), "copy": parity.microseconds(copy, inputs)},
        largest_input=largest,
    )
    parity.save(folder, report)
    return _judged(report)


def _judged(report: parity.Parity) -> Verdict:
    estimator, copy = report.microseconds["estimator"], report.microseconds["copy"]
    times = f"one row takes {copy:.0f} µs, not {estimator:.0f}"
    if not report.within_bound:
        return Verdict(f"the ONNX copy differs: {report} (bound {parity.BOUND:g})")
    if copy >= estimator:
        return Verdict(f"the ONNX copy is no faster: {times}")
    return Verdict(f"{times}; {report}", kept=True)


def _largest_input(model: Any, inputs: Mapping[str, Tensor]) -> float | None:
    """Trees refuse numbers that are infinite in float32; ONNX would answer."""
    doubles = {name for name, tensor in inputs.items() if tensor.dtype == np.float64}
    probe = {n: np.full_like(t[:1], SINGLE_MAX * 10) if n in doubles else t[:1] for n, t in inputs.items()}
    return None if not doubles or describing.takes(model, probe) else SINGLE_MAX
