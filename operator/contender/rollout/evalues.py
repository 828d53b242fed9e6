"""E-values: how strongly counts speak against a hypothesis, valid however often one looks.

An e-process is a running bet against a hypothesis that cannot be expected to gain while the hypothesis is true. So the
chance that it ever reaches 1/alpha is at most alpha (Ville's inequality; Howard et al., arXiv:1810.08240): one may look
after every interval and stop at will. Here it is a mean of likelihood ratios over fixed alternatives (the method of
mixtures), of events that are Bernoulli trials. All is in natural logarithms until `evalue`.
Pure arithmetic: knows neither trials nor guardrails.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from operator import mul
from typing import Self

LARGEST = 1e12  # as large as an e-value is told: more would prove nothing more, and JSON has no infinity
LOG_LARGEST = math.log(LARGEST)
WHOLE = 1.5 * 2.0**52  # added and taken away again it leaves the nearest whole number, faster than `round`
DIGITS = 1e6  # a stored logarithm is a whole number of millionths, so that its decimal text is all of it


@dataclass(frozen=True, eq=False)  # known by its identity, which is quick to look up
class Mixture:
    """Alternatives, as factors on the odds of the hypothesis, and the part of the bet that is on each."""

    factors: tuple[float, ...]
    parts: tuple[float, ...]

    @cached_property
    def gains(self) -> tuple[float, ...]:
        """By how much an event adds to each alternative's logarithm."""
        return tuple(map(math.log, self.factors))

    @classmethod
    def even(cls, factors: Sequence[float]) -> Self:
        return cls(tuple(factors), (1 / len(factors),) * len(factors))

    @classmethod
    def expecting(cls, factor: float, others: Sequence[float], part: float) -> Self:
        """`part` of the bet is on the factor that is expected, which comes first, the rest evenly on the others."""
        return cls((factor, *others), (part, *((1 - part) / len(others) for _ in others)))

    def log_evalue(self, events: float, of: float, bound: float) -> float:
        """ln of the e-value of `events` out of `of` Bernoulli trials against a rate of `bound` (0 < bound < 1)."""
        losses = _losses(self, bound)
        return self.log_mean([events * gain - of * loss for gain, loss in zip(self.gains, losses)])  # noqa: B905  hot

    def log_mean(self, logs: Sequence[float]) -> float:
        """ln of the bet's whole worth, of the logarithms of what each alternative's part of it has grown by."""
        largest = max(logs)
        return largest + math.log(sum(map(mul, self.parts, map(math.exp, [log - largest for log in logs]))))


def geometric(first: float, last: float, number: int) -> tuple[float, ...]:
    """Numbers evenly spaced in their logarithm."""
    return tuple(first * (last / first) ** (place / (number - 1)) for place in range(number))


# How many requests a verdict takes depends on these, whether it is valid does not. Tuned by simulation.
LARGER = Mixture.even(geometric(1.2, 20, 12))
ABOVE = Mixture.expecting(10, geometric(1.2, 20, 6), 0.75)  # what is bad is seldom just so: it is a disaster, or fine
SMALLER = Mixture.even(tuple(1 / factor for factor in geometric(1.15, 10, 8)))
RARE = Mixture.expecting(0.01, SMALLER.factors, 0.75)  # most healthy services have next to no bad events


def log_likelihood_ratio(events: float, of: float, odds: float, factor: float) -> float:
    """How much better `odds * factor` explains `events` out of `of` Bernoulli trials than `odds` does.

    With q = odds / (1 + odds) and p = factor * odds / (1 + factor * odds) it is
    events * ln(p / q) + (of - events) * ln((1 - p) / (1 - q)), written so that a small q does not harm it.
    """
    return events * math.log(factor) - of * (math.log1p(odds * factor) - math.log1p(odds))


def log_above(events: float, exposures: float, bound: float) -> float:
    """ln of the e-value against "the rate is at most `bound`" (0 < bound < 1), a mixture over greater rates."""
    return ABOVE.log_evalue(events, exposures, bound)


def log_below(events: float, exposures: float, bound: float) -> float:
    """ln of the e-value against "the rate is at least `bound`" (0 < bound < 1), a mixture over smaller rates."""
    return RARE.log_evalue(events, exposures, bound)


def log_mean(logs: Iterable[float]) -> float:
    """ln of the mean of exp(logs), without overflow. The mean of e-values is an e-value: expectations are linear."""
    values = tuple(logs)
    largest = max(values)
    if math.isinf(largest):
        return largest
    return largest + math.log(sum([math.exp(value - largest) for value in values]) / len(values))


def evalue(log: float) -> float:
    """The e-value whose logarithm is given, at most `LARGEST`."""
    return math.exp(log) if log < LOG_LARGEST else LARGEST


def stored(log: float) -> float:
    """A logarithm as it is kept from look to look: what goes on from the Trial's status is the very same number."""
    return (log * DIGITS + WHOLE - WHOLE) / DIGITS


def interval(events: int, of: int, confidence: float) -> tuple[float, float]:
    """Bounds of a Bernoulli rate that hold at all looks together, with the given confidence."""
    return lower_limit(events, of, confidence), 1 - lower_limit(of - events, of, confidence)


def lower_limit(events: int, of: int, confidence: float) -> float:
    """The lower of `interval`'s bounds, to six digits of itself however small it is.

    The interval holds the rates which Robbins' beta mixture does not refute (`log_against`).
    """
    refuted, kept = 0.0, events / of if events else 0.0
    while kept - refuted > 1e-6 * kept:
        middle = (refuted + kept) / 2
        strength = log_against(events, of, middle)
        refuted, kept = (middle, kept) if strength >= -math.log(1 - confidence) else (refuted, middle)
    return refuted


def log_against(events: int, of: int, rate: float) -> float:
    """ln of the e-value against "the rate is just `rate`" (0 < rate < 1), for whatever other rate.

    It is B(k + 1, n - k + 1) / (p^k (1 - p)^(n - k)), the likelihood ratio of all rates evenly to p
    (Robbins, Ann. Math. Stat. 41, 1970; "conjugate mixtures" in Howard et al., arXiv:1810.08240).
    """
    misses = of - events
    mixture = math.lgamma(events + 1) + math.lgamma(misses + 1) - math.lgamma(of + 2)
    return mixture - events * math.log(rate) - misses * math.log1p(-rate)


@cache
def _losses(bets: Mixture, bound: float) -> tuple[float, ...]:
    """By how much a trial lessens each alternative's logarithm."""
    odds = bound / (1 - bound)
    return tuple(math.log1p(odds * factor) - math.log1p(odds) for factor in bets.factors)
