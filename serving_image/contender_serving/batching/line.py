"""The line before the model. Requests that stand in it together are computed together; nobody is waited for."""

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from contender_serving.batching.computing import Answers, Computed, Inputs, compute
from contender_serving.batching.probe import Probe
from contender_serving.metrics import Metrics
from contender_serving.predictor import Predictor
from contender_serving.rejections import ModelFailed, Overloaded

MOST_BYTES = 64 * 1024 * 1024  # of inputs that wait


class Turn(msgspec.Struct, eq=False):
    """One request's place in the line."""

    inputs: Inputs
    outputs: Sequence[str]
    rows: int
    size: int  # bytes
    kind: object  # turns of one kind can be computed together
    answer: asyncio.Future[Answers]


class Line:
    """First come, first served. Quick calls are made on the event loop, others on the worker thread."""

    def __init__(
        self, predictor: Predictor, tried: Probe, worker: ThreadPoolExecutor, metrics: Metrics, max_wait: float
    ) -> None:
        self._predictor, self._cost, self._batches = predictor, tried.cost, tried.batches
        self._shapes_vary = any(-1 in spec.shape[1:] for spec in predictor.signature.inputs)
        self._worker, self._metrics, self._max_wait = worker, metrics, max_wait
        self._loop = asyncio.get_running_loop()
        self._turns: deque[Turn] = deque()
        self._rows = self._bytes = 0  # of those turns
        self._busy = False

    def __len__(self) -> int:
        """How many requests wait."""
        return len(self._turns)

    def join(self, inputs: Inputs, outputs: Sequence[str]) -> asyncio.Future[Answers]:
        """Stand in line; the answer may be cancelled. Raises `Overloaded`; the answer may be `ModelFailed`."""
        rows, size = len(next(iter(inputs.values()))), sum([tensor.nbytes for tensor in inputs.values()])
        if self._turns:
            self._check_room(size)
        kind = (outputs, [tensor.shape[1:] for tensor in inputs.values()]) if self._shapes_vary else outputs
        turn = Turn(inputs, outputs, rows, size, kind, self._loop.create_future())
        self._turns.append(turn)
        self._rows += rows
        self._bytes += size
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._compute)
        return turn.answer

    def _check_room(self, size: int) -> None:
        turns = len(self._turns)
        calls = min(turns, self._rows // self._cost.rows_at_once + 1) if self._batches else turns
        wait = self._cost.of(self._rows, calls)
        if wait > self._max_wait or self._bytes + size > MOST_BYTES:
            raise Overloaded("too many requests wait for this model; try again later, or elsewhere", wait)

    def _compute(self) -> None:
        """Make the next call of the model, if there is somebody to make it for."""
        batch = self._next()
        if not batch:
            self._busy = False
        elif self._cost.is_quick(sum([turn.rows for turn in batch])):
            self._finish(batch, compute(self._predictor.predict, batch))
        else:
            running = self._loop.run_in_executor(self._worker, compute, self._predictor.predict, batch)
            running.add_done_callback(lambda done: self._finish(batch, done.result()))

    def _next(self) -> list[Turn]:
        """The first in line, with those of its kind right behind it if that pays."""
        batch: list[Turn] = []
        turns, rows, most = self._turns, 0, self._cost.rows_at_once if self._batches else 0
        while turns:
            turn = turns[0]
            if batch and (rows + turn.rows > most or turn.kind != batch[0].kind):
                break
            turns.popleft()
            self._rows -= turn.rows
            self._bytes -= turn.size
            if not turn.answer.cancelled():
                batch.append(turn)
                rows += turn.rows
        return batch

    def _finish(self, batch: Sequence[Turn], computed: Computed) -> None:
        for call in computed.calls:
            self._cost.observe(call.rows, call.seconds)
            self._metrics.called(call.requests, call.seconds)
        answered = [
            (turn, outcome)
            for turn, outcome in zip(batch, computed.outcomes, strict=True)
            if not turn.answer.cancelled()
        ]
        self._count(answered, computed)
        for turn, outcome in answered:
            if isinstance(outcome, ModelFailed):
                turn.answer.set_exception(outcome)
            else:
                turn.answer.set_result(outcome)
        self._busy = bool(self._turns)
        if self._busy:
            self._loop.call_soon(self._compute)  # not at once: answers and other clients have their turn

    def _count(self, answered: Sequence[tuple[Turn, Answers | ModelFailed]], computed: Computed) -> None:
        """Count what was answered: at once what was computed together, unless a client of it has gone meanwhile."""
        metrics = self._metrics
        if computed.whole and len(answered) == len(computed.outcomes):
            metrics.rows += computed.calls[-1].rows
            metrics.monitor.observe(*computed.whole)
            return
        for turn, outcome in answered:
            if not isinstance(outcome, ModelFailed):
                metrics.rows += turn.rows
                metrics.monitor.observe(turn.inputs, outcome)
