"""The quantile test: is the time within which a part p of requests is answered at most rho times the champion's?

At an edge x of the histogram the answers within x are Bernoulli trials of F(x), so at each edge there is an e-process
against "F(x) is at most p" and one against "F(x) is at least p". With q a variant's p-quantile, F(x) >= p where x >= q
and F(x) < p where x < q.

- Breach: let the challenger be fine, q_challenger <= rho * q_champion, and y be the least edge >= rho * x. For x at or
  over q_champion, y >= q_challenger, so F_challenger(y) >= p; for x under it, F_champion(x) <= p. So of "F_champion(x)
  is at most p" and "F_challenger(y) is at least p" one is true, whenever one looks, and the lesser of the e-values
  against the two stays under the one against the true one.
- Proof: let it not be fine, and y be the greatest edge <= rho * x. For x under q_champion F_challenger(y) <= p, and for
  the others F_champion(x) >= p: of these two, too, one is true.

The mean over all edges x is an e-value again, wherever q_champion is; its price is the logarithm of their number. This
is the e-value dual of a time-uniform confidence sequence for the quantile (Howard and Ramdas, Bernoulli 28, 2022,
arXiv:1906.09712), which holds the times that no edge refutes. Edges where either e-process speaks for the null are left
out, which only lessens the mean. It takes each variant's times to be alike over the time of the evidence.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Self

from contender.api import Json
from contender.ladder import EDGES
from contender.rollout import evalues
from contender.rollout.times import BEYOND, NO_TIMES, Times, seconds
from contender.rollout.wording import answer_time

NEAR = 1e-9  # by which products of times may be off


@dataclass(frozen=True, slots=True)
class TimesPair:
    """The two variants' times over the same period."""

    champion: Times = NO_TIMES
    challenger: Times = NO_TIMES

    def __add__(self, other: "TimesPair") -> "TimesPair":
        return TimesPair(self.champion + other.champion, self.challenger + other.challenger)

    @classmethod
    def parse(cls, raw: Json) -> Self:
        return cls(Times.parse(raw["champion"]), Times.parse(raw["challenger"]))

    def dump(self) -> dict[str, Any]:
        return {"champion": self.champion.dump(), "challenger": self.challenger.dump()}


NOTHING = TimesPair()


@dataclass(frozen=True, slots=True)
class QuantileTest:
    """For a breach the trial's times count, for a proof those of the present step."""

    trial: TimesPair = NOTHING
    step: TimesPair = NOTHING

    def absorb(self, seen: TimesPair) -> Self:
        return replace(self, trial=self.trial + seen, step=self.step + seen)

    def begin_step(self) -> Self:
        return replace(self, step=NOTHING)

    def log_breach(self, part: float, tolerated: float) -> float:
        """ln of the e-value against "the challenger's quantile is at most `tolerated` times the champion's"."""
        theirs, ours = self.trial.champion, self.trial.challenger
        slow = ours.at_least(part)
        edges = ((x, y) for x, y in _at_or_over(tolerated)[theirs.more_than(part) :] if y < slow)
        return _log_mean(min(theirs.log_faster(x, part), ours.log_slower(y, part)) for x, y in edges)

    def log_proof(self, part: float, tolerated: float, times: float) -> float:
        """ln of the e-value against "at least `tolerated` times", had the step brought `times` as much of the same."""
        theirs, ours = self.step.champion, self.step.challenger
        fast = ours.more_than(part)
        edges = ((x, y) for x, y in _at_or_under(tolerated)[: theirs.at_least(part)] if y >= fast)
        return _log_mean(min(theirs.log_slower(x, part, times), ours.log_faster(y, part, times)) for x, y in edges)

    def ratio(self, part: float) -> float | None:
        """The challenger's quantile for each second of the champion's, by the edges at or over them."""
        theirs, ours = (seconds(times.at_least(part)) for times in (self.trial.champion, self.trial.challenger))
        return ours / theirs if math.isfinite(ours) and math.isfinite(theirs) and self.trial.champion.all else None

    def ratio_interval(self, part: float, confidence: float) -> tuple[float, float] | None:
        """Bounds of the ratio that hold at all looks together; None while it has no upper one."""
        each = (1 + confidence) / 2
        theirs, ours = self.trial.champion.limits(part, each), self.trial.challenger.limits(part, each)
        return (ours[0] / theirs[1], ours[1] / theirs[0]) if theirs[0] and math.isfinite(ours[1]) else None

    def slow(self, part: float, tolerated: float, confidence: float) -> str | None:
        """The edge over which too many are slow: `tolerated` times the champion's upper limit; None past the last."""
        upper = self.trial.champion.limits(part, confidence)[1]
        place = bisect_left(EDGES, tolerated * upper * (1 - NEAR))
        return answer_time(EDGES[place]) if place < BEYOND else None

    def summary(self, part: float, confidence: float) -> str:
        """Both quantiles for people, with limits that hold at all looks together."""
        ours, theirs = (_told(times, part, confidence) for times in (self.trial.challenger, self.trial.champion))
        return f"{100 * part:g} % of the challenger's answers come {ours}, of the champion's {theirs}"

    @classmethod
    def parse(cls, raw: Json) -> Self:
        return cls(TimesPair.parse(raw), TimesPair.parse(raw["step"]))

    def dump(self) -> dict[str, Any]:
        return {**self.trial.dump(), "step": self.step.dump()}


NO_QUANTILES = QuantileTest()


@cache
def _at_or_over(tolerated: float) -> tuple[tuple[int, int], ...]:
    """Each edge, with the least one that is at least `tolerated` times it."""
    return tuple((x, bisect_left(EDGES, tolerated * edge * (1 - NEAR))) for x, edge in enumerate(EDGES))


@cache
def _at_or_under(tolerated: float) -> tuple[tuple[int, int], ...]:
    """Each edge, with the greatest one that is at most `tolerated` times it; -1 when there is none."""
    return tuple((x, bisect_right(EDGES, tolerated * edge * (1 + NEAR)) - 1) for x, edge in enumerate(EDGES))


def _log_mean(logs: Iterable[float]) -> float:
    """Over all edges, of which those not given add nothing."""
    values = tuple(logs)
    if not values:
        return -math.inf
    return evalues.log_mean(values) + math.log(len(values) / BEYOND)


def _told(times: Times, part: float, confidence: float) -> str:
    lower, upper = times.limits(part, confidence)
    if not times.all:
        return "in an unknown time"
    return f"within {answer_time(seconds(times.at_least(part)))} [{answer_time(lower)}, {answer_time(upper)}]"
