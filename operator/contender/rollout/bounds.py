"""One bound on the share of wrong answers, and whether labels show that the champion breaks it, or keeps it again.

Two witnesses must agree. The share in the window must be over the bound: so that labels of the wrong answers that come
in one heap decide nothing until those of the others are counted in. And bets on a greater share, of which each label
is laid once, when it comes, must have won (`detector`): so that looking often costs nothing. The way back is the same,
with bets on a smaller share. Stakes are parts of a year: false alarms of all bounds of a ModelDeployment together are
at least a year apart, on average, and within a time t there is one with a chance of at most t / year.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from contender.api import Json, QualityBound
from contender.rollout import detector, evalues
from contender.rollout.counting import Count
from contender.rollout.evalues import Mixture, geometric
from contender.rollout.measure_evidence import named
from contender.rollout.wording import percent

NOTHING = Count()
CONFIDENCE = 0.95
YEAR = 365 * 86400.0  # seconds
WORSE = Mixture.even(geometric(1.2, 12, 8))
BETTER = Mixture.even(tuple(1 / factor for factor in geometric(1.15, 8, 6)))


@dataclass(frozen=True, slots=True)
class Judged:
    """A bound, and what labels tell of it."""

    bound: QualityBound
    seen: Count = NOTHING  # of the answers in the window
    broken: bool = False
    bets: tuple[float, ...] = ()  # ln of R: on a greater share, or on a smaller one while it is broken

    @property
    def name(self) -> str:
        """`accuracy`, `recall of fraud`, `deviation over 10`."""
        return named(self.bound.guardrail)

    def again(self, came: Count, seen: Count, stake: float, among: int) -> Self:
        """After one more look: labels that `came` since the last, and all that are `seen` in the window now.

        `stake` is a part of a year, `among` the number of bounds. A count that fell was corrected, and nothing is bet.
        """
        mixture = _mixture(broken=self.broken)
        laid = 0 <= came.events <= came.exposures and came.exposures > 0
        bets = detector.again(self.bets, came, self.bound.below, mixture, stake) if laid else self.bets
        won = bool(bets) and mixture.log_mean(bets) >= math.log(among)
        over = (seen.rate or 0.0) > self.bound.below
        if won and over is not self.broken:
            return replace(self, seen=seen, broken=not self.broken, bets=())
        return replace(self, seen=seen, bets=bets)

    @property
    def interval(self) -> tuple[float, float]:
        """Of the share of wrong answers in the window."""
        low, high = evalues.interval(min(self.seen.events, self.seen.exposures), self.seen.exposures, CONFIDENCE)
        return _rounded(low), _rounded(high)

    @property
    def sentence(self) -> str:
        """The numbers for people."""
        if self.seen.rate is None:
            return f"{self.name}: no label; bound {percent(self.bound.below)}"
        low, high = map(percent, self.interval)
        counts = f"{self.seen.events:,} of {self.seen.exposures:,}"
        share = f"{percent(self.seen.rate)} wrong ({counts}), between {low} and {high}"
        return f"{self.name}: {share}; bound {percent(self.bound.below)}"

    @classmethod
    def parse(cls, raw: Json | None, bound: QualityBound) -> Self:
        """What status has of a bound; nothing of one that is new."""
        if raw is None:
            return cls(bound)
        bets = tuple(map(float, raw.get("bets", "").split()))
        of_today = len(bets) == len(_mixture(broken=raw["broken"]).factors)
        return cls(bound, Count.parse(raw), raw["broken"], bets if of_today else ())

    def dump(self) -> dict[str, Any]:
        """As `status.quality.measures` shows it."""
        rate = {} if self.seen.rate is None else {"rate": _rounded(self.seen.rate), **self._limits()}
        bets = {"bets": " ".join(map(repr, self.bets))} if self.bets else {}
        told = {"name": self.name, "bound": self.bound.below, "broken": self.broken, "summary": self.sentence}
        return {**told, **rate, **self.seen.dump(), **bets}

    def _limits(self) -> Mapping[str, float]:
        low, high = self.interval
        return {"low": low, "high": high}


def _mixture(*, broken: bool) -> Mixture:
    return BETTER if broken else WORSE


def _rounded(share: float) -> float:
    return float(f"{share:.4g}")
