"""Bursts: how much more the challenger's part of the bad events varies between looks than chance explains.

The ratio test takes each bad event for a trial of its own. Errors that come in bursts on one variant (a pod that dies,
a client that tries again) are fewer trials than they are events, and weigh too much. A likelihood ratio L to the power
of 1/phi, with phi >= 1 the dispersion, weighs them as what they are worth; a quasi-likelihood does the same (McCullagh
and Nelder, Generalized Linear Models, 1989, 4.5). It is never less valid: E[L^(1/phi)] <= E[L]^(1/phi) <= 1, as long as
phi is known before the look that it weighs.
"""

import math
from dataclasses import dataclass
from typing import Self

from contender.rollout.comparison import Pair
from contender.rollout.evalues import stored

CLEAR = 4.0  # standard deviations beyond which it is not taken for chance
ENOUGH = 1.0


@dataclass(frozen=True, slots=True)
class Dispersion:
    """Squared surprises (Pearson's residuals) summed over the looks that can surprise.

    Those have enough bad events to fall here or there: at least `ENOUGH` of n q (1 - q), q being the challenger's part.
    """

    seen: float = 0.0
    looks: int = 0  # as much as chance brings on average
    variance: float = 0.0  # of what chance brings

    @property
    def factor(self) -> float:
        """phi, which only leaves 1 when it is clear that it must."""
        chance = self.looks + CLEAR * math.sqrt(self.variance)
        return max(1.0, self.seen / chance) if self.looks else 1.0

    def absorb(self, seen: Pair, before: Pair) -> Self:
        """With one more look, whose exposures and events are `seen`.

        `before` are the counts at the same share so far: they foretell how the events fall. That they do not know the
        ratio exactly adds to what chance explains: v * (1 + v * (1/a + 1/b)), with v = n q (1 - q) and a, b the events
        so far and a half.
        """
        odds, ratio, events = seen.exposure_odds, before.ratio, seen.events
        if odds is None or not ratio:
            return self
        part = odds * ratio / (1 + odds * ratio)
        spread = events * part * (1 - part)
        if spread < ENOUGH:
            return self
        ours, theirs = before.challenger.events + 0.5, before.champion.events + 0.5
        foretold = spread * (1 + spread * (1 / ours + 1 / theirs))
        surprise = (seen.challenger.events - events * part) ** 2 / foretold
        return type(self)(stored(self.seen + surprise), self.looks + 1, stored(self.variance + 2 + 1 / spread))


NO_SURPRISE = Dispersion()
