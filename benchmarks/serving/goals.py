"""The goals of this product, and whether a run met them: each a ratio within the run, or a figure by itself."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from statistics import median

from benchmarks.serving.bodies import JSON_1, JSON_32, Case
from benchmarks.serving.closed_loop import Sample
from benchmarks.serving.matrix import Cell, Samples
from benchmarks.serving.overload import Overload
from benchmarks.serving.servers import BARE, BATCHING, CONTENDER, MLSERVER, UNCONVERTED, UNCOUNTED
from benchmarks.serving.slow_model import SlowModel
from benchmarks.serving.starts import Start

Starts = Mapping[str, Sequence[Start]]


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be reached, and what was."""

    name: str
    goal: str
    value: float | None  # none where there is nothing to compare
    unit: str
    met: bool

    def measured(self) -> str:
        """The value, for a person."""
        return "not measured" if self.value is None else f"{self.value:.3g} {self.unit}"


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times another server's rate of answers ours is to be, asked the same."""

    model: str
    case: Case
    connections: int
    ours: str
    theirs: str
    at_least: float

    @property
    def name(self) -> str:
        """In words."""
        return f"{self.model}, {self.case.name}, c={self.connections}: {self.ours} over {self.theirs}"


RATIOS = (
    Ratio("lr", JSON_1, 16, CONTENDER, MLSERVER, 25),
    Ratio("lr", JSON_1, 64, CONTENDER, MLSERVER, 40),
    Ratio("lr", JSON_1, 16, CONTENDER, BATCHING, 15),
    Ratio("rf", JSON_1, 16, CONTENDER, MLSERVER, 170),
    Ratio("rf", JSON_1, 16, CONTENDER, BATCHING, 26),
    Ratio("lr", JSON_1, 16, UNCONVERTED, MLSERVER, 14),
    Ratio("rf", JSON_1, 16, UNCONVERTED, MLSERVER, 9),
    Ratio("lr", JSON_32, 16, CONTENDER, MLSERVER, 15),
    Ratio("lr", JSON_1, 16, CONTENDER, BARE, 0.33),
    Ratio("lr", JSON_1, 64, CONTENDER, BARE, 0.45),
    Ratio("lr", JSON_1, 16, CONTENDER, UNCOUNTED, 0.95),
)


def of_matrix(samples: Samples) -> Iterator[Goal]:
    """The ratios of rates, and that of the latency."""
    for ratio in RATIOS:
        ours, theirs = ([sample.rate for sample in of_server] for of_server in _both(samples, ratio))
        yield _at_least(ratio.name, _median(ours) / _median(theirs), ratio.at_least, "times")
    ours, theirs = ([sample.p99 for sample in of_server] for of_server in _both(samples, RATIOS[0]))
    name = f"lr, {JSON_1.name}, c=16: p99 of {MLSERVER} over {CONTENDER}'s"
    yield _at_least(name, _median(theirs) / _median(ours), 18, "times")


def of_starts(starts: Starts) -> Iterator[Goal]:
    """Of the first model: what a start takes, with the converted model and without."""
    for server, kind, seconds, megabytes in ((CONTENDER, "ONNX", 0.3, 80), (UNCONVERTED, "scikit-learn", 1.0, 140)):
        taken = starts[server]
        yield _at_most(f"cold start to ready, {kind}", median(start.seconds for start in taken), seconds, "s")
        yield _at_most(f"memory (PSS), {kind}", median(start.memory for start in taken), megabytes, "MB")


def of_slow_model(slow: SlowModel) -> Iterator[Goal]:
    """Fair turns, and an event loop that is never held up."""
    name = "slow model, c=64: worst p99 of a connection over the median's"
    yield _at_most(name, slow.worst_p99 / slow.median_p99, 2, "times")
    yield _at_most("slow model, c=64: slowest health answer", slow.health_worst, 50, "ms")


def of_overload(overload: Overload) -> Iterator[Goal]:
    """What is not shed is answered, and nothing piles up."""
    yield _at_least("overload: goodput of capacity", overload.goodput / overload.capacity, 0.9, "times")
    half = len(overload.memory) // 2
    growth = max(overload.memory[half:]) / max(overload.memory[:half])
    yield _at_most("overload: most memory in the second half over the first's", growth, 1.05, "times")


def _median(values: Sequence[float]) -> float:
    return median(values) if values else nan


def _both(samples: Samples, ratio: Ratio) -> Iterator[list[Sample]]:
    for server in (ratio.ours, ratio.theirs):
        yield samples.get(Cell(server, ratio.model, ratio.case.name, ratio.connections), [])


def _at_least(name: str, value: float, bound: float, unit: str) -> Goal:
    return Goal(name, f">= {bound:g}", None if isnan(value) else value, unit, value >= bound)


def _at_most(name: str, value: float, bound: float, unit: str) -> Goal:
    return Goal(name, f"<= {bound:g}", None if isnan(value) else value, unit, value <= bound)
