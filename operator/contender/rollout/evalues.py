"""E-values: how strongly counts speak against a hypothesis, valid however often one looks.

An e-process is a running bet against a hypothesis that cannot be expected to gain while the hypothesis is true. So the
chance that it ever reaches 1/alpha is at most alpha (Ville's inequality; Howard et al., arXiv:1810.08240): one may look
after every interval and stop at will. Here it is a mean of likelihood ratios over fixed alternatives (the method of
mixtures), of events that are Bernoulli trials. All is in natural logarithms until `evalue`.
Pure arithmetic: knows neither trials nor guardrails.
"""

import math
from collections.abc import Iterable

LARGEST = 1e12  # as large as an e-value is told: more would prove nothing more, and JSON has no infinity

# The alternatives: odds of 1.1 to 20 times the tolerated ones, evenly spaced in their logarithm, and the same below.
ALTERNATIVES = 24
LARGER = tuple(1.1 * (20 / 1.1) ** (i / (ALTERNATIVES - 1)) for i in range(ALTERNATIVES))
SMALLER = tuple(1 / factor for factor in LARGER)


def log_likelihood_ratio(events: float, of: float, odds: float, factor: float) -> float:
    """How much better `odds * factor` explains `events` out of `of` Bernoulli trials than `odds` does.

    With q = odds / (1 + odds) and p = factor * odds / (1 + factor * odds) it is
    events * ln(p / q) + (of - events) * ln((1 - p) / (1 - q)), written so that neither a small q nor p = 0 harms it.
    """
    if factor == 0 and events:
        return -math.inf
    gain = events * math.log(factor) if factor else 0.0
    return gain - of * (math.log1p(odds * factor) - math.log1p(odds))


def log_mean(logs: Iterable[float]) -> float:
    """ln of the mean of exp(logs), without overflow. The mean of e-values is an e-value: expectations are linear."""
    values = tuple(logs)
    largest = max(values)
    if math.isinf(largest):
        return largest
    return largest + math.log(math.fsum(math.exp(value - largest) for value in values) / len(values))


def log_bet(expected: float, others: Iterable[float]) -> float:
    """ln of a mixture that bets half on the alternative that is expected, and the rest evenly on the others."""
    return log_mean((expected, log_mean(others)))


def log_above(events: float, exposures: float, bound: float) -> float:
    """ln of the e-value against "the rate is at most `bound`" (0 < bound < 1), a mixture over greater rates."""
    odds = bound / (1 - bound)
    return log_mean(log_likelihood_ratio(events, exposures, odds, factor) for factor in LARGER)


def log_below(events: float, exposures: float, bound: float) -> float:
    """ln of the e-value against "the rate is at least `bound`" (0 < bound < 1), a mixture over smaller rates.

    The expected one is 0, which most healthy services have: without an event it grows fastest, the first event ends it.
    """
    odds = bound / (1 - bound)
    spread = (log_likelihood_ratio(events, exposures, odds, factor) for factor in SMALLER)
    return log_bet(log_likelihood_ratio(events, exposures, odds, 0), spread)


def evalue(log: float) -> float:
    """The e-value whose logarithm is given, at most `LARGEST`."""
    return math.exp(min(log, math.log(LARGEST)))


def interval(events: int, of: int, confidence: float) -> tuple[float, float]:
    """Bounds of a Bernoulli rate that hold at all looks together, with the given confidence."""
    return lower_limit(events, of, confidence), 1 - lower_limit(of - events, of, confidence)


def lower_limit(events: int, of: int, confidence: float) -> float:
    """The lower of `interval`'s bounds, to six digits of itself however small it is.

    The interval holds the rates which Robbins' beta mixture does not refute: those p for which
    B(k + 1, n - k + 1) / (p^k (1 - p)^(n - k)) stays under 1 / (1 - confidence)
    (Robbins, Ann. Math. Stat. 41, 1970; "conjugate mixtures" in Howard et al., arXiv:1810.08240).
    """
    misses = of - events
    mixture = math.lgamma(events + 1) + math.lgamma(misses + 1) - math.lgamma(of + 2)
    refuted, kept = 0.0, events / of if events else 0.0
    while kept - refuted > 1e-6 * kept:
        middle = (refuted + kept) / 2
        strength = mixture - events * math.log(middle) - misses * math.log1p(-middle)
        refuted, kept = (middle, kept) if strength >= -math.log(1 - confidence) else (refuted, middle)
    return refuted
