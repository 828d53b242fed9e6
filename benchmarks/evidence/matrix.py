"""Every judge in every cell, and all of them made equally cautious against a much worse challenger."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from os import sched_getaffinity
from typing import Any, Protocol, TypeVar

import numpy as np

from benchmarks.evidence import engine, rivals
from benchmarks.evidence.cells import CELLS, CONSTANT, LOOKS, Cell, cell
from benchmarks.evidence.engine import RATIO
from benchmarks.evidence.labels.cells import CELLS as LABELS
from benchmarks.evidence.labels.cells import Told
from benchmarks.evidence.labels.cells import tell as by_labels
from benchmarks.evidence.outcome import Figures, Outcome, Truth, Verdict, bad_answers, figures
from benchmarks.evidence.rivals import RIVALS, Z
from benchmarks.evidence.stream import Stream

CONTENDER, EACH, ONCE = "Contender", "z-test at each look", "z-test once"
JUDGES = (CONTENDER, *(rival.name for rival in RIVALS), ONCE)
EVERY = 36  # looks between two points of a curve: three minutes


class Named(Protocol):
    """A cell, or what was made of it."""

    @property
    def name(self) -> str: ...


Found = TypeVar("Found", bound=Named)


@dataclass(frozen=True, slots=True)
class Judged:
    """A cell, and what each judge made of it."""

    name: str
    truth: Truth
    meets: bool  # the assumptions
    figures: dict[str, Figures]
    effort: float | None  # Contender's median requests for each of those of the z-test of the best size, if it has one


@dataclass(frozen=True, slots=True)
class Caution:
    """A judge whose bar is set by its false alarms."""

    false_alarms: float
    bad: float


@dataclass(frozen=True, slots=True)
class Duel:
    """A much worse challenger before judges that raise as few false alarms as Contender does in another cell."""

    null: str
    name: str
    judges: dict[str, Caution]


@dataclass(frozen=True, slots=True)
class Curve:
    """The share of runs on the bound that have been decided, wrongly therefore, after so many looks."""

    judge: str
    looks: list[int]
    decided: list[float]


@dataclass(frozen=True, slots=True)
class Matrix:
    """All that was simulated."""

    cells: list[Judged]
    duels: list[Duel]
    curves: list[Curve]
    labels: list[Told]


DUELS = (
    *((cell(CONSTANT, base, times), cell(CONSTANT, base, 10)) for base in (0.004, 0.02) for times in (1, RATIO)),
    (CELLS[1], CELLS[2]),
)
ON_THE_BOUND = cell(CONSTANT, 0.004, RATIO)


def simulate(runs: int, tell: Callable[[str], None]) -> Matrix:
    """Everything, on all the cores that this process may use. The longest comes first."""
    order = sorted(CELLS, key=lambda cell: cell.truth is not Truth.BOUND)
    slow = sorted(LABELS, key=lambda cell: cell.truth is not Truth.BOUND)
    with ProcessPoolExecutor(len(sched_getaffinity(0))) as pool:
        curves = pool.submit(decided, runs)
        cells = [pool.submit(judged, cell, runs) for cell in order]
        duels = [pool.submit(duel, *pair, runs) for pair in DUELS]
        labels = [pool.submit(by_labels, cell, runs) for cell in slow]
        awaited: list[Future[Any]] = [*cells, *duels, *labels]
        for number, _ in enumerate(as_completed(awaited), start=1):
            tell(f"{number} of {len(awaited)}")
        return Matrix(
            _in_order(CELLS, cells), [duel.result() for duel in duels], curves.result(), _in_order(LABELS, labels)
        )


def _in_order(cells: Iterable[Named], found: Iterable[Future[Found]]) -> list[Found]:
    by_name = {each.result().name: each.result() for each in found}
    return [by_name[cell.name] for cell in cells]


def judged(cell: Cell, runs: int) -> Judged:
    """One cell before all judges."""
    stream = cell.draw(runs)
    told = partial(figures, stream=stream, truth=cell.truth)
    found = {CONTENDER: told(engine.judge(stream))}
    for rival in RIVALS:
        found[rival.name] = told(rivals.judge(rival.opinion(stream), rival.bar))
    look = rivals.best_look(rivals.z_test(cell.planned.draw(runs, "plan")), Z, cell.planned.truth)
    found[ONCE] = told(rivals.once(rivals.z_test(stream), Z, LOOKS - 1 if look is None else look))
    effort = None if look is None or cell.truth is Truth.BOUND else _times(found[CONTENDER].median, found[ONCE].median)
    return Judged(cell.name, cell.truth, cell.kind.meets, found, effort)


def _times(ours: float | None, theirs: float | None) -> float | None:
    return None if theirs is None else np.inf if ours is None else ours / theirs


def duel(null: Cell, worse: Cell, runs: int) -> Duel:
    """Bars set on `null`, answers counted on `worse`."""
    quiet, loud = null.draw(runs), worse.draw(runs)
    ours = engine.judge(quiet)
    allowed = alarms(ours)
    found = {CONTENDER: Caution(allowed, bad_answers(engine.judge(loud), loud))}
    for rival in RIVALS:
        opinion = rival.opinion(quiet)
        bar = rivals.as_cautious(opinion, allowed)
        heard = rivals.judge(rival.opinion(loud), bar)
        found[rival.name] = Caution(alarms(rivals.judge(opinion, bar)), bad_answers(heard, loud))
    found[ONCE] = _once(quiet, loud, allowed)
    return Duel(null.name, worse.name, found)


def _once(quiet: Stream, loud: Stream, allowed: float) -> Caution:
    calm, opinion = rivals.z_test(quiet), rivals.z_test(loud)
    bars = np.quantile(calm.against, 1 - allowed, axis=1, method="higher")
    look = rivals.best_look(opinion, bars[:, None], Truth.WORSE) or 0
    heard = rivals.once(opinion, bars[look], look)
    return Caution(alarms(rivals.once(calm, bars[look], look)), bad_answers(heard, loud))


def alarms(outcome: Outcome) -> float:
    """The share of runs that is rejected."""
    return float(np.mean(outcome.verdict == Verdict.REJECTED))


def decided(runs: int) -> list[Curve]:
    """How wrong verdicts pile up while one looks on."""
    stream = ON_THE_BOUND.draw(runs)
    by_look = {CONTENDER: engine.judge(stream), EACH: rivals.judge(rivals.z_test(stream), Z)}
    looks = list(range(EVERY, LOOKS + 1, EVERY))
    return [
        Curve(
            judge, looks, [float(np.mean((outcome.verdict != Verdict.OPEN) & (outcome.look < look))) for look in looks]
        )
        for judge, outcome in by_look.items()
    ]
