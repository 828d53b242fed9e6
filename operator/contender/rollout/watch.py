"""The evidence after promotion: with nobody left to compare with, each guardrail becomes an absolute bound.

The bound is the greater of `below` and `noWorseThan` times the old champion's upper confidence limit; of a quantile p
the share of answers slower than `noWorseThan` times its upper limit, which may be 1 - p. A change for the
worse may come at any time, so what is watched is a sum of bets that begin anew at each look (`detector`). While the
bound is kept, the chance that it ever reaches n / alpha within n looks is at most alpha: divided by n it is an e-value
for the whole standby.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, Self

from contender.api import Guardrail, Json
from contender.ladder import EDGES
from contender.rollout import detector, evalues
from contender.rollout.counting import Count
from contender.rollout.measure_evidence import MeasureEvidence
from contender.rollout.ratio import carried

NOTHING = Count()
SLOWEST = f"{EDGES[-1]:g}s"  # where no time is too long


@dataclass(frozen=True, slots=True)
class Watch:
    """One guardrail after promotion."""

    guardrail: Guardrail
    name: str
    bound: float | None  # the greatest rate that is fine; None when any rate is
    seen: Count = NOTHING
    sums: tuple[float, ...] = ()  # ln of R, one for each alternative; empty before the first request

    @classmethod
    def begin(cls, measure: MeasureEvidence, confidence: float) -> Self:
        """The watch over the guardrail of `measure`, whose champion has just been replaced."""
        guardrail = measure.guardrail
        if guardrail.quantile is None:
            return cls(guardrail, measure.name, _bound(measure, confidence))
        over = measure.times.slow(guardrail.quantile, guardrail.no_worse_than or 1.0, confidence)
        bound = 1 - guardrail.quantile if over else None
        return cls(replace(guardrail, over=over or SLOWEST, quantile=None), measure.name, bound)

    def absorb(self, count: Count) -> Self:
        """The watch after one more look."""
        if self.bound is None or not count.exposures:
            return replace(self, seen=self.seen + count)
        sums = detector.again(self.sums, count, self.bound, evalues.LARGER)
        return replace(self, seen=self.seen + count, sums=sums)

    def breach(self, looks: float) -> float:
        """E-value against "the bound is kept", over a standby of at most `looks` looks."""
        return evalues.evalue(evalues.log_mean(self.sums) - math.log(looks)) if self.sums else 0.0

    @property
    def summary(self) -> str:
        """The numbers for people."""
        rate = "unknown" if self.seen.rate is None else f"{100 * self.seen.rate:.3g} %"
        bound = "no bound" if self.bound is None else f"a bound of {100 * self.bound:.3g} %"
        return f"since promotion {rate} ({self.seen.events:,} of {self.seen.exposures:,}) against {bound}"

    @classmethod
    def parse(cls, raw: Json, measure: MeasureEvidence) -> Self:
        guardrail = measure.guardrail
        if guardrail.quantile is not None:
            guardrail = replace(guardrail, over=raw["over"], quantile=None)
        sums = carried(raw.get("sums", ()), len(evalues.LARGER.factors))
        return cls(guardrail, measure.name, raw.get("bound"), Count.parse(raw["seen"]), sums)

    def dump(self) -> dict[str, Any]:
        """As `Trial.status.watches` shows it."""
        told = {
            "over": self.guardrail.over,
            "bound": None if self.bound is None else float(f"{self.bound:.6g}"),
            "sums": list(self.sums) or None,
        }
        shown = {key: value for key, value in told.items() if value is not None}
        return {"name": self.name, "seen": self.seen.dump(), **shown}


def _bound(measure: MeasureEvidence, confidence: float) -> float | None:
    """The greater of what is fine and what the champion may have been; None when that is any rate."""
    guardrail, champion = measure.guardrail, measure.trial.champion
    limits = [] if guardrail.below is None else [guardrail.below]
    if guardrail.no_worse_than is not None:
        events = min(champion.events, champion.exposures)
        limit = guardrail.no_worse_than * evalues.interval(events, champion.exposures, confidence)[1]
        limits += [limit] if limit < 1 or events else []  # a few requests, and none of them bad, tell nothing
    greatest = max(limits, default=1.0)
    return greatest if greatest < 1 else None
