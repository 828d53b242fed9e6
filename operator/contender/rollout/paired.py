"""Pairs: the same request answered by both variants, one of the two answers in the shadow.

The null is that the challenger is fine, p_challenger <= rho * p_champion. Of a pair, X = bad_challenger - rho *
bad_champion then has a mean of at most 0 and is at least -rho, so for 0 <= lambda <= 1/rho the product of 1 + lambda X
over the pairs is a test martingale: a bet that cannot be expected to gain ("betting"; Waudby-Smith and Ramdas,
arXiv:2010.09686). The mean over some lambda is an e-process. At rho = 1 pairs with two bad answers add nothing, and it
is the sign test of McNemar (Psychometrika 12, 1947). It needs far fewer requests than two samples, for what makes a
request hard is the same for both.
"""

import math
from dataclasses import dataclass
from typing import Self

from contender.api import Json
from contender.rollout import evalues

STAKES = (0.05, 0.12, 0.25, 0.5, 0.8)  # lambda, as parts of the greatest


@dataclass(frozen=True, slots=True)
class Paired:
    """Pairs in which both answers were bad, or just the one; a pair of two good ones says nothing."""

    both: int = 0
    challenger_only: int = 0
    champion_only: int = 0

    def __add__(self, other: "Paired") -> "Paired":
        return Paired(
            self.both + other.both,
            self.challenger_only + other.challenger_only,
            self.champion_only + other.champion_only,
        )

    def __bool__(self) -> bool:
        return bool(self.both or self.challenger_only or self.champion_only)

    def log_breach(self, tolerated: float) -> float:
        """ln of the e-value against "the challenger's rate is at most `tolerated` times the champion's"."""
        return evalues.log_mean(self._log_worth(stake / tolerated, tolerated) for stake in STAKES)

    def _log_worth(self, stake: float, tolerated: float) -> float:
        return (
            self.challenger_only * math.log1p(stake)
            + self.champion_only * math.log1p(-stake * tolerated)
            + self.both * math.log1p(stake * (1 - tolerated))
        )

    @classmethod
    def parse(cls, raw: Json) -> Self:
        return cls(raw["both"], raw["challengerOnly"], raw["championOnly"])

    def dump(self) -> dict[str, int]:
        return {"both": self.both, "challengerOnly": self.challenger_only, "championOnly": self.champion_only}


NO_PAIRS = Paired()
