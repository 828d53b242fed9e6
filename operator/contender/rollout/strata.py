"""What several pairs of counts say together of one ratio, when the champion's rate may be another in each (strata).

Added up, they would not: a variant with more of its exposures where the rate is high would look worse for it
(Simpson's paradox). Each pair is compared within itself, and only what follows is put together.
"""

import math
from collections.abc import Callable, Sequence

from contender.rollout.comparison import Pair
from contender.rollout.evalues import log_against

WIDEST = 1e6  # times: a ratio beyond is as good as none


def ratio(pairs: Sequence[Pair]) -> float | None:
    """The challenger's rate for each of the champion's: Mantel and Haenszel's, of follow-up data; None without any.

    A sum of each stratum's own ratio, weighed by what it can tell: (a N1 + ...) / (b N0 + ...), as in Rothman, Modern
    Epidemiology, 1986, chapter 12.
    """
    told = [(pair, pair.champion.exposures + pair.challenger.exposures) for pair in _telling(pairs)]
    ours = math.fsum(pair.challenger.events * pair.champion.exposures / of for pair, of in told)
    theirs = math.fsum(pair.champion.events * pair.challenger.exposures / of for pair, of in told)
    return ours / theirs if theirs else None


def ratio_interval(pairs: Sequence[Pair], confidence: float) -> tuple[float, float] | None:
    """Bounds of the ratio that hold at all looks together; None while it has no upper one.

    It holds the ratios that the product of the strata's e-values does not refute: each is one, whatever the others say.
    """
    told, best = _telling(pairs), ratio(pairs)
    if best is None:
        return None
    bar, best = -math.log(1 - confidence), max(best, 1 / WIDEST)

    def refuted(times: float) -> bool:
        return math.fsum(_log_against(pair, times) for pair in told) >= bar

    return _edge(refuted, best, 1 / WIDEST), _edge(refuted, best, WIDEST)


def _telling(pairs: Sequence[Pair]) -> list[Pair]:
    return [pair for pair in pairs if pair.exposure_odds is not None and pair.events]


def _log_against(pair: Pair, times: float) -> float:
    """ln of the e-value against "the ratio is just `times`", of whose each bad event was."""
    odds = times * (pair.exposure_odds or 0.0)
    return log_against(pair.challenger.events, pair.events, odds / (1 + odds))


def _edge(refuted: Callable[[float], bool], kept: float, farthest: float) -> float:
    """Where it begins to be refuted between what is kept and the farthest, to one in 10,000."""
    while abs(math.log(farthest / kept)) > 1e-4:
        middle = math.sqrt(kept * farthest)
        kept, farthest = (kept, middle) if refuted(middle) else (middle, farthest)
    return kept
