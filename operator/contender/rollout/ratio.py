"""The ratio test: is the challenger's rate at most so many times the champion's?

The event-share e-process (Lindon and Malek, NeurIPS 2022): if the challenger's rate is r times the champion's, each bad
event falls on it with odds of r times the exposure odds, whatever the rates are. So neither a new share nor the time of
day disturbs the test, if the exposures are those of the very interval. In both directions: for a breach against "at
most `tolerated` times", for a proof against "at least `tolerated` times"; with `tolerated` at most 1 the proof is that
the challenger is better.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Self

from contender.api import Json
from contender.rollout.comparison import Pair
from contender.rollout.dispersion import NO_SURPRISE, Dispersion
from contender.rollout.evalues import DIGITS, LARGER, SMALLER, WHOLE, Mixture, stored

WORSE = Mixture((1.2, 1.6, 2.6, 8, 50), (0.12, 0.18, 0.1, 0.5, 0.1))  # 8 is ten times a champion, at a bound of 1.25
EXPECTED = 0.75  # of the proof's bet is on a challenger that is just as good as the champion
EARLIER = {  # alternatives of earlier versions, by how many there were: their logarithms are in old Trials
    12: LARGER,
    24: Mixture.even((1.0,) * 24),
    25: Mixture.expecting(1.0, (1.0,) * 24, 0.5),
}


@dataclass(frozen=True, slots=True)
class RatioTest:
    """`worse` and `better` are log-likelihood ratios, one for each alternative; empty before the first bad event.

    `worse` is of the whole trial, `better` of the present step.
    """

    worse: tuple[float, ...] = ()
    better: tuple[float, ...] = ()
    dispersion: Dispersion = NO_SURPRISE

    def absorb(self, seen: Pair, before: Pair, tolerated: float) -> Self:
        """With one more interval; `before` are the step's counts until then."""
        odds = seen.exposure_odds
        if odds is None or not seen.events:
            return self
        weight = 1 / self.dispersion.factor
        ours, events, odds = weight * seen.challenger.events, weight * seen.events, odds * tolerated
        return type(self)(
            worse=_grown(self.worse, ours, events, odds, WORSE),
            better=_grown(self.better, ours, events, odds, fine(tolerated)),
            dispersion=self.dispersion.absorb(seen, before),
        )

    def begin_step(self) -> Self:
        return replace(self, better=())

    def log_breach(self) -> float:
        """ln of the e-value against "at most `tolerated` times", over the whole trial."""
        return WORSE.log_mean(self.worse) if self.worse else 0.0

    def log_proof(self, tolerated: float, times: float) -> float:
        """ln of the e-value against "at least `tolerated` times", had the step brought `times` as much of the same."""
        grown = self.better if times == 1 else [times * known for known in self.better]
        return fine(tolerated).log_mean(grown) if grown else 0.0

    @classmethod
    def parse(cls, raw: Json, tolerated: float) -> Self:
        worse = carried(raw["worse"], len(WORSE.factors))
        better = carried(raw["better"], len(fine(tolerated).factors))
        return cls(worse, better, Dispersion(*raw.get("surprise", ())))

    def dump(self) -> dict[str, Any]:
        spread = self.dispersion
        surprise = {"surprise": [spread.seen, spread.looks, spread.variance]} if spread.looks else {}
        dispersion = {"dispersion": round(spread.factor, 3)} if spread.factor > 1 else {}
        return {**dispersion, **surprise, "worse": list(self.worse), "better": list(self.better)}


NO_RATIOS = RatioTest()


@cache
def fine(tolerated: float) -> Mixture:
    """The alternatives of a challenger that is fine: mostly just as good as the champion, if that is fine at all."""
    as_good = 1 / tolerated
    return Mixture.expecting(as_good, SMALLER.factors, EXPECTED) if as_good < SMALLER.factors[0] else SMALLER


def _grown(logs: tuple[float, ...], events: float, of: float, odds: float, bets: Mixture) -> tuple[float, ...]:
    """`evalues.log_likelihood_ratio` of the interval added for each alternative, and `stored`: this is the hot loop."""
    log1p, digits, whole, even = math.log1p, DIGITS, WHOLE, of * math.log1p(odds)
    grown = [
        ((known + events * gain - of * log1p(odds * factor) + even) * digits + whole - whole) / digits
        for known, gain, factor in zip(logs or (0.0,) * len(bets.factors), bets.gains, bets.factors, strict=True)
    ]
    return tuple(grown)


def carried(logs: Sequence[float], number: int) -> tuple[float, ...]:
    """What a Trial has, to go on with: what an earlier version's alternatives have won is bet anew on today's."""
    if len(logs) in (0, number):
        return tuple(logs)
    return (stored(EARLIER[len(logs)].log_mean(logs)),) * number
