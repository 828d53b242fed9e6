"""A change may come at any time: a sum of bets that begin anew at each look.

R = L * (R + w), with L the look's likelihood ratio and w what is staked on a change just now (an e-detector of
Shiryaev and Roberts' kind; Shin, Ramdas and Rinaldo, arXiv:2203.03532). While nothing has changed, R less the sum of
all w cannot be expected to grow, so the chance that R reaches c before the stakes add up to s is at most s / c (Doob).
A long good time is no merit: the bets that began in it are lost, and new ones have begun since. Pure arithmetic.
"""

import math
from collections.abc import Sequence

from contender.rollout import evalues
from contender.rollout.counting import Count
from contender.rollout.evalues import Mixture


def again(before: Sequence[float], count: Count, bound: float, bets: Mixture, stake: float = 1.0) -> tuple[float, ...]:
    """ln of R after one more look at `count`, against a rate of `bound`; one for each of the alternatives of `bets`.

    `before` is empty before the first look, `stake` the w of this one.
    """
    odds, begun = bound / (1 - bound), math.log(stake)
    return tuple(
        evalues.stored(evalues.log_likelihood_ratio(count.events, count.exposures, odds, factor) + _log_sum(log, begun))
        for log, factor in zip(before or (-math.inf,) * len(bets.factors), bets.factors, strict=True)
    )


def _log_sum(one: float, other: float) -> float:
    """ln(exp(one) + exp(other)) without overflow."""
    return max(one, other) + math.log1p(math.exp(-abs(one - other)))
