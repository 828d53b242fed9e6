"""What is simulated of labels: how they come, and how the challenger differs."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from zlib import crc32

import numpy as np

from benchmarks.evidence.cells import percent
from benchmarks.evidence.engine import RATIO
from benchmarks.evidence.labels import stream
from benchmarks.evidence.labels.judge import ACCURACY, RECALL, Endings, judged
from benchmarks.evidence.labels.stream import Delay, Kind, Stream, World
from benchmarks.evidence.outcome import Truth
from contender.api import Guardrail


class Missing(StrEnum):
    """On what it depends whether a label is here."""

    REQUEST = "the request"
    CLASS = "the class, for which the ratio is another"  # known not to be bounded
    VARIANT = "the variant"  # to be held
    ALWAYS = "nothing, for none comes"  # to be held


@dataclass(frozen=True, slots=True)
class Cell:
    """A service with its labels, and a challenger of which it is known what ought to be said."""

    name: str
    world: World
    truth: Truth
    missing: Missing = Missing.REQUEST
    guardrails: tuple[Guardrail, ...] = (ACCURACY,)

    def draw(self, runs: int) -> Stream:
        """The same runs each time."""
        return stream.draw(np.random.default_rng(crc32(self.name.encode())), self.world, runs)


@dataclass(frozen=True, slots=True)
class Told:
    """A cell, and what Contender made of it."""

    name: str
    truth: Truth
    missing: Missing
    runs: int
    endings: Endings

    @property
    def to_hold(self) -> bool:
        """Whether the labels that are here are worth no verdict, whatever they say."""
        return self.missing in {Missing.VARIANT, Missing.ALWAYS}

    @property
    def wrong_promotions(self) -> float:
        return 0.0 if self.truth is Truth.FINE and not self.to_hold else self.endings.promoted

    @property
    def wrong_rejections(self) -> float:
        return 0.0 if self.truth is Truth.WORSE and not self.to_hold else self.endings.rejected

    @property
    def held(self) -> float:
        """As it ought to be: for uneven labels, or for none."""
        return self.endings.uneven if self.missing is Missing.VARIANT else self.endings.waiting


def tell(cell: Cell, runs: int) -> Told:
    """One cell, judged in so many runs, or in as many as there is time for."""
    runs = min(runs, MOST)
    return Told(cell.name, cell.truth, cell.missing, runs, judged(cell.draw(runs), cell.guardrails))


MOST = 2000  # runs of a cell: the operator's own code judges them, one after the other

LATE, HEAVY = Delay(10), Delay(10, spread=1.0)
SOON, VERY_LATE = Delay(1), Delay(20)
WRONG, HONEST_WRONG, FRAUD_WRONG, FRAUDS = 0.05, 0.03, 0.2, 0.2
TRUTHS = {1.0: Truth.FINE, RATIO: Truth.BOUND, 2.0: Truth.WORSE}  # by how many times as bad the challenger is
TENTH = 0.1


def _alike(delay: Delay, times: float) -> tuple[Kind, ...]:
    """Requests of one class only."""
    return (Kind("any", 1.0, (WRONG, WRONG * times), delay),)


def _two(honest: float, fraud: float) -> tuple[Kind, ...]:
    """Two classes, of which one's labels come late; the challenger is so many times as bad on each."""
    return (
        Kind("honest", 1 - FRAUDS, (HONEST_WRONG, HONEST_WRONG * honest), SOON),
        Kind("fraud", FRAUDS, (FRAUD_WRONG, FRAUD_WRONG * fraud), VERY_LATE),
    )


def _sampled(times: float, ours: float = TENTH, told: float = 1.0) -> World:
    """One answer in ten gets a label; of the challenger's `ours`, and of its wrong ones `told` of these."""
    return World(_alike(LATE, times), requests=15_000, coverage=(TENTH, ours), told=(1.0, told))


def _rates(kinds: tuple[Kind, ...]) -> str:
    return " / ".join(percent(sum(kind.part * kind.wrong[variant] for kind in kinds)) for variant in range(2))


def cell(
    what: str,
    world: World,
    truth: Truth,
    missing: Missing = Missing.REQUEST,
    guardrails: tuple[Guardrail, ...] = (ACCURACY,),
) -> Cell:
    """Named by the shares of wrong answers: `late, 5 % / 10 %`."""
    return Cell(f"{what}, {_rates(world.kinds)}", world, truth, missing, guardrails)


def _all() -> Iterator[Cell]:
    for what, delay in (("late", LATE), ("late, some very", HEAVY)):
        yield from (cell(what, World(_alike(delay, times)), truth) for times, truth in TRUTHS.items())
    yield from (cell("late by class", World(_two(times, times)), truth) for times, truth in TRUTHS.items())
    for times, truth in TRUTHS.items():
        yield cell("late by class, recall", World(_two(times, times)), truth, guardrails=(RECALL,))
    traded = World(_two(0.5, 2.0))
    yield cell("late by class, errors traded", traded, Truth.WORSE, Missing.CLASS)
    yield cell("late by class, errors traded, recall too", traded, Truth.WORSE, guardrails=(ACCURACY, RECALL))
    yield from (cell("one in ten", _sampled(times), truth) for times, truth in TRUTHS.items())
    for ours in (0.05, 0.08):
        what = f"{percent(TENTH)} of the champion's, {percent(ours)} of the challenger's"
        yield from (cell(what, _sampled(times, ours), TRUTHS[times], Missing.VARIANT) for times in (1.0, 2.0))
    yield cell("the challenger's wrong ones half as often", _sampled(2.0, told=0.5), Truth.WORSE, Missing.VARIANT)
    yield cell("no labels", World(_alike(LATE, 1.0), coverage=(0.0, 0.0)), Truth.FINE, Missing.ALWAYS)


CELLS = tuple(_all())
