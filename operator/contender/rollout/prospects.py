"""What traffic would bring to the evidence on one measure: of a challenger that is as good, and of worse ones. Pure.

An unlucky fifth of trials is left aside: the counts are those at which four of five are better off.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from contender.api import Guardrail
from contender.rollout.counting import Count
from contender.rollout.measure_evidence import MeasureEvidence
from contender.rollout.quantile import TimesPair
from contender.rollout.times import BEYOND, Times, seconds
from contender.rollout.wording import answer_time, percent

CHANCE = 0.8  # that what is foretold comes true
UNLUCKY = NormalDist().inv_cdf(CHANCE)  # standard deviations


@dataclass(frozen=True, slots=True)
class Sent:
    """Requests to the champion and to the challenger; they need not be whole."""

    theirs: float
    ours: float


@dataclass(frozen=True, slots=True)
class Share:
    """The prospects of a measure that is a share of bad requests."""

    told = staticmethod(percent)
    measure: MeasureEvidence
    usual: float  # the champion's

    def as_good(self, sent: Sent) -> MeasureEvidence:
        """The evidence on a challenger that is as good as the champion, and unlucky."""
        part = sent.theirs / (sent.theirs + sent.ours)
        ours = unlucky(1, self.usual * sent.ours, part)
        theirs = self.usual * (sent.theirs + sent.ours) - ours  # of all that happens, more falls on the challenger
        return self.measure.absorb(count(theirs, sent.theirs), count(ours, sent.ours))

    def least_caught(self, sent: Sequence[Sent], bar: float) -> float | None:
        """The least share that is a breach at `bar` after all of `sent`, even with luck; None when none is."""
        whole, theirs = math.fsum(each.ours for each in sent), math.fsum(each.theirs for each in sent)

        def caught(bad: float) -> bool:
            spread = 1 + bad * whole / (self.usual * theirs) if self.usual else 1.0  # the champion's luck comes on top
            luck, seen = unlucky(-1, bad * whole, spread) / whole, self.measure
            for each in sent:
                seen = seen.absorb(count(self.usual * each.theirs, each.theirs), count(luck * each.ours, each.ours))
            return seen.breach() >= bar

        fine = _greatest_that_is_fine(self.measure.guardrail, self.usual)
        return least(caught, fine) if fine < 1 and caught(1.0) else None


@dataclass(frozen=True, slots=True)
class Quantile:
    """The prospects of a measure that is a quantile of the times of answers."""

    told = staticmethod(answer_time)
    measure: MeasureEvidence
    times: Times  # of the champion's answers so far

    @property
    def part(self) -> float:
        return self.measure.guardrail.quantile or 0.0

    @property
    def usual(self) -> float:
        """The champion's quantile, in seconds."""
        return seconds(self.times.at_least(self.part))

    def as_good(self, sent: Sent) -> MeasureEvidence:
        """The evidence on a challenger that is as good as the champion, and unlucky."""
        return self.measure.absorb_times(TimesPair(self.times.like(sent.theirs), self.times.like(sent.ours, UNLUCKY)))

    def least_caught(self, sent: Sequence[Sent], bar: float) -> float | None:
        """The least quantile, in seconds, that is a breach at `bar` after all of `sent`, even with luck."""
        whole, place = math.fsum(each.ours for each in sent), self.times.at_least(self.part)

        def caught(edges: int) -> bool:
            slow, seen = self.times.later(edges).like(whole, -UNLUCKY), self.measure
            for each in sent:
                seen = seen.absorb_times(TimesPair(self.times.like(each.theirs), slow.like(each.ours)))
            return seen.breach() >= bar

        slower = range(1, BEYOND - place)
        found = bisect_left(slower, x=True, key=caught)
        return seconds(place + slower[found]) if found < len(slower) else None


Prospect = Share | Quantile


def least(holds: Callable[[float], bool], low: float, high: float = 1.0) -> float:
    """The least value, to one in a hundred, from which on something holds that holds at `high`."""
    while high > 1.01 * low:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def unlucky(sign: int, mean: float, spread: float = 1.0) -> float:
    """How many events there are instead of their mean when luck is against one: more of them (1), or fewer (-1)."""
    return max(0.0, mean + sign * UNLUCKY * math.sqrt(spread * mean))


def count(events: float, exposures: float) -> Count:
    whole = round(exposures)
    return Count(min(round(max(events, 0.0)), whole), whole)


def _greatest_that_is_fine(guardrail: Guardrail, champion: float) -> float:
    return max(guardrail.below or 0.0, (guardrail.no_worse_than or 0.0) * champion, 1e-9)
