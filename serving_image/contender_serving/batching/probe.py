"""Trying a model on its golden examples before it is used: what a call takes, and whether rows mind company."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from contender_serving.batching.cost import Cost
from contender_serving.bundle import golden
from contender_serving.predictor import Predictor
from contender_serving.tensors import Tensor

ROUNDS = 5
ENOUGH = 0.02  # seconds
SAME = 1e-5  # batches of different size may be added up in another order


@dataclass(frozen=True, slots=True)
class Probe:
    """What was found out."""

    cost: Cost
    batches: bool  # whether requests may be computed together


def probe(examples: Mapping[str, Tensor], predictor: Predictor) -> Probe:
    """Predict one golden example and all of them, some times over. Raises `Failure`: GoldenMismatch."""
    cost, began = Cost(), time.perf_counter()
    if not _takes_any_number(predictor):
        _timed(predictor, examples, cost)
        return Probe(cost, batches=False)
    first = {name: tensor[:1] for name, tensor in examples.items()}
    alone, together = _timed(predictor, first, cost), _timed(predictor, examples, cost)
    for _ in range(ROUNDS):
        if time.perf_counter() - began < ENOUGH:
            _timed(predictor, first, cost)
            _timed(predictor, examples, cost)
    return Probe(cost, batches=all(golden.close(together[name][:1], alone[name], SAME) for name in alone))


def _takes_any_number(predictor: Predictor) -> bool:
    signature = predictor.signature
    return all(spec.shape[0] == -1 for spec in (*signature.inputs, *signature.outputs))


def _timed(predictor: Predictor, inputs: Mapping[str, Tensor], cost: Cost) -> dict[str, Tensor]:
    began = time.perf_counter()
    answers = golden.answers(predictor, inputs)
    cost.observe(len(next(iter(inputs.values()))), time.perf_counter() - began)
    return answers
