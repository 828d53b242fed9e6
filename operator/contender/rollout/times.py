"""How long a variant's answers took: how many came within each edge of the routers' histogram, and its quantiles.

Edges go by their place in `ladder.EDGES`.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import accumulate, repeat
from operator import add
from typing import Any, Self

from contender.api import Json
from contender.ladder import EDGES
from contender.observation import Counters
from contender.rollout.evalues import Mixture, geometric, log_against

BEYOND = len(EDGES)  # the place past the last edge
SLOWER = Mixture.even(geometric(1.1, 4, 6))
FASTER = Mixture.even(tuple(1 / factor for factor in SLOWER.factors))


@dataclass(frozen=True, slots=True)
class Times:
    """A variant's answers over some time: how many came within each edge, out of all that came or timed out."""

    all: int = 0
    within: tuple[int, ...] = (0,) * len(EDGES)

    def __add__(self, other: "Times") -> "Times":
        return Times(self.all + other.all, tuple(map(add, self.within, other.within)))

    @classmethod
    def of(cls, counters: Counters) -> Self:
        """By one interval's counters. An edge that a router does not have shows 0; sorted, none shows too much."""
        within = sorted(map(counters.faster.get, EDGES, repeat(0)))
        return cls(counters.timed + counters.timeouts, tuple(within))

    def like(self, number: float, luck: float = 0.0) -> Self:
        """So many answers that came like these; at each edge `luck` standard deviations fewer within it."""
        whole = round(number)
        parts = (within / max(self.all, 1) for within in self.within)
        found = (whole * part - luck * math.sqrt(whole * part * (1 - part)) for part in parts)
        return type(self)(whole, tuple(accumulate((min(max(round(each), 0), whole) for each in found), max)))

    def later(self, edges: int) -> Self:
        """The same answers, had each taken so many edges longer."""
        return replace(self, within=((0,) * edges + self.within)[:BEYOND])

    def at_least(self, part: float) -> int:
        """The first edge within which at least `part` of all came: where the quantile is, as seen."""
        return bisect_left(self.within, part * self.all)

    def more_than(self, part: float) -> int:
        """The first edge within which more than `part` of all came."""
        return bisect_right(self.within, part * self.all)

    def log_faster(self, edge: int, part: float, times: float = 1.0) -> float:
        """ln of the e-value against "at most `part` come within the edge", had there been `times` as many answers."""
        return FASTER.log_evalue(times * (self.all - self.within[edge]), times * self.all, 1 - part)

    def log_slower(self, edge: int, part: float, times: float = 1.0) -> float:
        """ln of the e-value against "at least `part` come within the edge", had there been `times` as many answers."""
        return SLOWER.log_evalue(times * (self.all - self.within[edge]), times * self.all, 1 - part)

    def limits(self, part: float, confidence: float) -> tuple[float, float]:
        """The seconds between which the quantile is at all looks together; from 0 or to infinity if it is not known.

        A limit is wrong only if the edge next to the quantile refutes the truth: half of the risk for either side.
        """
        bar, seen = math.log(2 / (1 - confidence)), self.at_least(part)
        below = (place for place in reversed(range(seen)) if self._refutes(place, part, bar))
        above = (place for place in range(seen, BEYOND) if self._refutes(place, part, bar))
        return seconds(next(below, -1)), seconds(next(above, BEYOND))

    def _refutes(self, place: int, part: float, bar: float) -> bool:
        return log_against(self.within[place], self.all, part) >= bar

    @classmethod
    def parse(cls, raw: Json) -> Self:
        """From the answers between the edges, by the upper one in seconds."""
        between = {float(edge): number for edge, number in raw["between"].items()}
        return cls(raw["all"], tuple(accumulate(between.get(edge, 0) for edge in EDGES)))

    def dump(self) -> dict[str, Any]:
        return {"all": self.all, "between": {f"{edge:g}": number for edge, number in self._between() if number}}

    def _between(self) -> Iterable[tuple[float, int]]:
        return ((edge, now - before) for edge, now, before in zip(EDGES, self.within, (0, *self.within), strict=False))


NO_TIMES = Times()


def seconds(place: int) -> float:
    """The edge's time: 0 before the first one, infinite past the last."""
    if place < 0:
        return 0.0
    return EDGES[place] if place < BEYOND else math.inf
