"""Calls of the model for one or many requests. Runs on any thread, one at a time."""

import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from time import perf_counter
from typing import NamedTuple, Protocol

import numpy as np

from contender_serving.rejections import ModelFailed
from contender_serving.tensors import Tensor

Inputs = Mapping[str, Tensor]
Answers = dict[str, Tensor]
Predict = Callable[[Inputs, Sequence[str]], Answers]

logger = logging.getLogger(__name__)


class Asked(Protocol):
    """What one request wants computed."""

    inputs: Inputs
    outputs: Sequence[str]
    rows: int


class Call(NamedTuple):
    """One call of the model that was made."""

    requests: int
    rows: int
    seconds: float


class Computed(NamedTuple):
    """What became of requests: for each its answers or that the model failed, and the calls that it took."""

    outcomes: list[Answers | ModelFailed]
    calls: list[Call]
    whole: tuple[Inputs, Answers] | None = None  # what all of them asked and got, if it was computed together


class Misshapen(Exception):
    """The model did not answer row by row."""


def compute(predict: Predict, batch: Sequence[Asked]) -> Computed:
    """Answer requests of one kind by one call; if that fails one by one, for a bad row is nobody else's fault."""
    calls: list[Call] = []
    if len(batch) > 1:
        try:
            return _together(predict, batch, calls)
        except Exception:  # noqa: S110, a model may raise anything, and will again for the one at fault
            pass
    return Computed([_alone(predict, asked, calls) for asked in batch], calls)


def _together(predict: Predict, batch: Sequence[Asked], calls: list[Call]) -> Computed:
    inputs = {name: np.concatenate([asked.inputs[name] for asked in batch]) for name in batch[0].inputs}
    rows = sum([asked.rows for asked in batch])
    answers = _call(predict, inputs, batch[0].outputs, Call(len(batch), rows, perf_counter()), calls)
    if any(len(answer) != rows for answer in answers.values()):
        raise Misshapen
    ends = list(accumulate([asked.rows for asked in batch]))
    parts: list[Answers | ModelFailed] = [
        {name: answer[begin:end] for name, answer in answers.items()}
        for begin, end in zip((0, *ends[:-1]), ends, strict=True)
    ]
    return Computed(parts, calls, (inputs, answers))


def _alone(predict: Predict, asked: Asked, calls: list[Call]) -> Answers | ModelFailed:
    try:
        return _call(predict, asked.inputs, asked.outputs, Call(1, asked.rows, perf_counter()), calls)
    except Exception as error:  # a model may raise anything
        where = traceback.extract_tb(error.__traceback__)[-1]  # no message: it may hold the input
        logger.error("the model raised %s at %s:%s", type(error).__name__, where.filename, where.lineno)
        return ModelFailed("the model failed on this input")


def _call(predict: Predict, inputs: Inputs, outputs: Sequence[str], call: Call, calls: list[Call]) -> Answers:
    try:
        return predict(inputs, outputs)
    finally:
        calls.append(call._replace(seconds=perf_counter() - call.seconds))
