"""What is simulated: the services, and how the challenger differs."""

from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from benchmarks.evidence import stream
from benchmarks.evidence.engine import BELOW, RATIO
from benchmarks.evidence.outcome import Truth
from benchmarks.evidence.stream import Process, Stream

LOOKS = 1440  # two hours


@dataclass(frozen=True, slots=True)
class Kind:
    """A way in which bad answers come."""

    name: str
    process: Process
    meets: bool = True  # the assumptions: bad answers are independent, and the ratio of the rates stays the same
    clump: float = 1.0
    late: float = 0.0


@dataclass(frozen=True, slots=True)
class Cell:
    """A service, and a challenger of which it is known what ought to be said."""

    kind: Kind
    champion: float
    challenger: float
    truth: Truth

    @property
    def name(self) -> str:
        """`constant, 0.4 % / 0.8 %`."""
        return f"{self.kind.name}, {percent(self.champion)} / {percent(self.challenger)}"

    @property
    def planned(self) -> "Cell":
        """The cell that a test of a fixed size is planned for; on the bound, that of an equal challenger."""
        if self.truth is not Truth.BOUND:
            return self
        return Cell(self.kind, self.champion, self.champion, Truth.FINE)

    def draw(self, runs: int, salt: str = "") -> Stream:
        """The same runs each time; others with another salt."""
        dice = np.random.default_rng(crc32(f"{self.name}{salt}".encode()))
        world = self.kind.process(dice, LOOKS, runs, self.champion, self.challenger)
        return stream.draw(dice, world, LOOKS, runs, self.kind.clump, self.kind.late)


CONSTANT = Kind("constant", stream.constant)
DAILY = Kind("daily cycle", stream.daily)
BURSTS = Kind("bursts of both", stream.bursts)
DELAYED = Kind("delayed counters", stream.constant, late=0.5)
COMMON = Kind("outages of both", stream.common_outages)
UNLIKE = Kind("outages of both, else unlike", stream.common_outages, meets=False)  # one ratio, then another
CLUMPS = Kind("in clumps of five", stream.constant, meets=False, clump=5)
OWN = Kind("outages of each by itself", stream.own_outages, meets=False)
ONLY = Kind("outages of the challenger only", stream.challengers_outages, meets=False)


def cell(kind: Kind, champion: float, times: float) -> Cell:
    """A challenger that is so many times as bad; on the bound if that is `noWorseThan`."""
    truth = Truth.FINE if times < RATIO else Truth.BOUND if times == RATIO else Truth.WORSE
    return Cell(kind, champion, champion * times, truth)


def _all() -> Iterator[Cell]:
    yield Cell(CONSTANT, 0, 0, Truth.FINE)
    yield Cell(CONSTANT, 0, BELOW, Truth.BOUND)
    yield Cell(CONSTANT, 0, 10 * BELOW, Truth.WORSE)
    yield from (cell(CONSTANT, 0.004, times) for times in (0.8, 1, RATIO, 1.5, 2, 3, 10))
    yield from (cell(CONSTANT, 0.02, times) for times in (0.8, 1, RATIO, 1.5, 2, 10))
    for kind in (DAILY, BURSTS, DELAYED):
        yield from (cell(kind, 0.004, times) for times in (1, RATIO, 2))
    yield cell(COMMON, 0.004, 1)
    yield cell(UNLIKE, 0.004, 2)
    yield from (cell(CLUMPS, 0.004, times) for times in (1, RATIO, 2))
    yield from (cell(OWN, 0.004, times) for times in (1, 2))
    yield Cell(ONLY, 0.004, 0.004, Truth.WORSE)


def percent(share: float) -> str:
    """`0.4 %`."""
    return f"{100 * share:.3g} %"


CELLS = tuple(_all())
