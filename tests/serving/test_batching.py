"""The line before the model: what waits together is computed together, and nobody pays for anybody else's fault."""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contender_serving.batching import Cost, Line, Probe, probe
from contender_serving.bundle.profile import FeatureProfile, Profile
from contender_serving.metrics import Metrics
from contender_serving.monitor import Monitor
from contender_serving.predictor import Predictor
from contender_serving.rejections import ModelFailed, Overloaded
from contender_serving.tensors import Signature, Tensor, TensorSpec
from tests import models
from tests.serving.process import Server, wait_until

SIGNATURE = Signature((TensorSpec("x", "FP64", (-1,)),), (TensorSpec("y", "FP64", (-1,)),))
QUICK, SLOW = 0.00001, 1.0  # expected seconds of a call of any size


@dataclass
class Doubling:
    """Doubles its input, refuses negative numbers, and remembers its calls."""

    calls: list[list[float]] = field(default_factory=list)
    gate: Callable[[], object] = lambda: None
    platform: str = "test"
    computes_all: bool = True
    properties: Mapping[str, str] = field(default_factory=dict)
    signature: Signature = SIGNATURE

    def predict(self, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> dict[str, Tensor]:
        self.calls.append(inputs["x"].tolist())
        self.gate()
        if (inputs["x"] < 0).any():
            raise ValueError("negative")
        return dict.fromkeys(outputs, inputs["x"] * 2)


def cost(seconds: float, rows: int = 64) -> Cost:
    """A cost that was learned from calls of up to so many rows."""
    learned = Cost()
    for size in (1, rows) * 5:
        learned.observe(size, seconds)
    return learned


def line(
    model: Predictor,
    seconds: float = QUICK,
    *,
    batches: bool = True,
    max_wait: float = 60,
    metrics: Metrics | None = None,
) -> Line:
    return Line(model, Probe(cost(seconds), batches), ThreadPoolExecutor(1), metrics or Metrics(), max_wait)


def watching() -> Metrics:
    """Counts of a model that was written with numbers from 0 to 1."""
    metrics = Metrics()
    metrics.monitor = Monitor(Profile(1, [FeatureProfile("x", [0.0, 1.0], [1], missing=0, input="x")]))
    return metrics


def rows(*values: float) -> dict[str, Tensor]:
    return {"x": np.array(values)}


async def results(*futures: Any) -> list[Any]:
    answers = await asyncio.gather(*futures, return_exceptions=True)
    return [answer["y"].tolist() if isinstance(answer, dict) else type(answer) for answer in answers]


@pytest.mark.parametrize("seconds", [QUICK, SLOW], ids=["on the loop", "on the worker"])
async def test_what_arrives_together_is_one_call_and_each_gets_its_own_rows(seconds: float) -> None:
    model = Doubling()
    waiting = line(model, seconds)

    answers = await results(*(waiting.join(rows(*values), ["y"]) for values in ([1], [2, 3], [4])))

    assert answers == [[2], [4, 6], [8]]
    assert model.calls == [[1, 2, 3, 4]]


async def test_a_bad_row_fails_only_its_own_request() -> None:
    waiting = line(Doubling())

    answers = await results(*(waiting.join(rows(value), ["y"]) for value in (1, -2, 3)))

    assert answers == [[2], ModelFailed, [6]]
    assert await results(waiting.join(rows(4), ["y"])) == [[8]], "the next one is answered as if nothing was"


@pytest.mark.parametrize(("values", "answered"), [([1, 2, 3], 3), ([1, -2, 3], 2), ([4], 1), ([-5], 0)])
async def test_the_rows_that_were_answered_are_counted_and_no_others(values: list[float], answered: int) -> None:
    metrics = watching()
    waiting = line(Doubling(), metrics=metrics)

    await results(*(waiting.join(rows(value), ["y"]) for value in values))

    assert metrics.rows == answered
    assert metrics.monitor.features[0].out_of_range == sum(value > 1 for value in values)


async def test_of_a_batch_that_a_client_left_meanwhile_the_others_are_counted() -> None:
    metrics, computing, left = watching(), threading.Event(), threading.Event()

    def gate() -> None:
        computing.set()
        left.wait(60)

    model = Doubling(gate=gate)
    waiting = line(model, SLOW, metrics=metrics)
    gone, stays = waiting.join(rows(7), ["y"]), waiting.join(rows(8), ["y"])

    await asyncio.to_thread(computing.wait, 60)
    gone.cancel()
    left.set()
    await stays

    assert model.calls == [[7, 8]]
    assert metrics.rows == 1
    assert metrics.monitor.features[0].out_of_range == 1


async def test_requests_for_other_outputs_are_not_mixed() -> None:
    model = Doubling()
    waiting = line(model)

    await asyncio.gather(waiting.join(rows(1), ["y"]), waiting.join(rows(2), ["z"]), waiting.join(rows(3), ["y"]))

    assert model.calls == [[1], [2], [3]], "in their order: nobody is overtaken"


async def test_a_model_whose_rows_mind_company_is_asked_one_by_one() -> None:
    model = Doubling()
    waiting = line(model, batches=False)

    await asyncio.gather(*(waiting.join(rows(value), ["y"]) for value in (1, 2)))

    assert model.calls == [[1], [2]]


async def test_nothing_is_computed_for_a_client_that_is_gone() -> None:
    model = Doubling()
    waiting = line(model)
    gone, stays = waiting.join(rows(1), ["y"]), waiting.join(rows(2), ["y"])

    gone.cancel()
    await stays

    assert model.calls == [[2]]


async def test_beyond_the_time_that_the_line_may_take_requests_are_turned_away() -> None:
    waiting = line(Doubling(), SLOW, batches=False, max_wait=2.5)
    accepted = [waiting.join(rows(value), ["y"]) for value in range(3)]

    with pytest.raises(Overloaded) as refused:
        waiting.join(rows(3), ["y"])

    assert refused.value.retry_after == pytest.approx(3, rel=0.01)
    assert await results(*accepted) == [[0], [2], [4]]


async def test_a_line_of_too_many_bytes_is_full() -> None:
    waiting = line(Doubling())
    large = {"x": np.zeros(5_000_000)}
    first = waiting.join(large, ["y"])

    with pytest.raises(Overloaded):
        waiting.join(large, ["y"])

    await first
    await waiting.join(large, ["y"])


async def test_a_model_that_does_not_answer_row_by_row_is_asked_one_by_one() -> None:
    class Summing(Doubling):
        def predict(self, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> dict[str, Tensor]:
            super().predict(inputs, outputs)
            return {"y": inputs["x"].sum(keepdims=True)}

    waiting = line(Summing())

    assert await results(waiting.join(rows(1, 2), ["y"]), waiting.join(rows(5), ["y"])) == [[3], [5]]


def test_calls_that_cost_the_same_whatever_their_size_make_large_batches() -> None:
    flat = cost(0.004, rows=50)

    assert flat.rows_at_once == 100, "twice of what was tried"
    assert not flat.is_quick(1)


def test_rows_that_cost_as_much_each_gain_nothing_by_batching() -> None:
    linear = Cost()
    for size in (1, 5, 1, 5):
        linear.observe(size, 0.2 * size)

    assert linear.rows_at_once <= 2
    assert linear.of(10, calls=10) == pytest.approx(2, rel=0.01)


def test_one_slow_call_does_not_make_a_model_slow_but_many_do() -> None:
    model = cost(0.0001)

    model.observe(1, 3.0)
    assert model.is_quick(1)

    for _ in range(20):
        model.observe(1, 0.1)
    assert not model.is_quick(1)


def test_whether_rows_mind_company_is_tried_on_the_golden_examples() -> None:
    examples = {"input_0": models.digits()[0][:5]}
    signature = Signature((TensorSpec("input_0", "FP64", (-1, 64)),), (TensorSpec("y", "FP64", (-1,)),))

    class Rows(Doubling):
        def predict(self, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> dict[str, Tensor]:
            return dict.fromkeys(outputs, inputs["input_0"].sum(axis=1))

    class Ranks(Rows):
        def predict(self, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> dict[str, Tensor]:
            sums = super().predict(inputs, outputs)["y"]
            return {"y": sums - sums.mean()}

    assert probe(examples, Rows(signature=signature)).batches
    assert not probe(examples, Ranks(signature=signature)).batches


def test_a_full_line_answers_503_and_says_when_to_come_again(
    serve: Callable[..., Server], volumes: Callable[[str], Path]
) -> None:
    server = serve(volumes("slow"), CONTENDER_MAX_WAIT="1")
    server.wait_until_ready()
    body = models.v2_request(models.digits()[0][:40])

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: server.infer(body), range(16)))

    refused = [answer for answer in answers if answer.status == 503]
    assert {answer.status for answer in answers} == {200, 503}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    wait_until(lambda: "contender_serving_queue_depth 0.0" in server.get("/metrics").data.decode())
