"""Whether the requests are split as they shall be: the guard on all other evidence (sample-ratio mismatch).

The routers draw a variant for each request, so of the requests that they send while a share is live, the challenger's
are Bernoulli trials with that share. If they are not, something else decides who is asked, the variants do not see the
like, and no comparison is worth anything. Requests count as they are *sent*: a challenger that is slow, hangs or dies
answers fewer than it is sent, and cannot break the split by that.

Judged by Robbins' beta mixture (Ann. Math. Stat. 41, 1970): the mean likelihood of the counts over all shares, against
that of the share in the tolerated band which explains them best. It is the least of e-values against each of these
shares, and so one against all of them, at all looks together.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, Self

from contender.api import Json
from contender.rollout import evalues

TOLERATED = 1.02  # the odds of the split may be off by this factor: two in a hundred of a variant's requests
BAR = 1e4  # a split that is fine is called broken at most once in so many steps


@dataclass(frozen=True, slots=True)
class Sent:
    """Requests that the routers sent to each variant."""

    champion: int = 0
    challenger: int = 0

    def __add__(self, other: "Sent") -> "Sent":
        return Sent(max(0, self.champion + other.champion), max(0, self.challenger + other.challenger))

    @property
    def all(self) -> int:
        return self.champion + self.challenger

    @classmethod
    def parse(cls, raw: Json) -> Self:
        return cls(raw["champion"], raw["challenger"])

    def dump(self) -> dict[str, int]:
        return {"champion": self.champion, "challenger": self.challenger}


@dataclass(frozen=True, slots=True)
class Split:
    """The split at one share. `spoke` is what broke it; it is mended once as many requests again were split well."""

    wanted: int = 0  # the challenger's share, in percent
    seen: Sent = Sent()
    spoke: Sent | None = None

    def absorb(self, sent: Sent, wanted: int, *, by_user: bool) -> Self:
        """The split after one more interval at the share `wanted`, in percent.

        `by_user` says that users are split and not requests: those of one user go together, so their share may be any,
        and is shown but not judged.
        """
        if not 0 < wanted < 100:
            return self
        split = replace(self, wanted=wanted, seen=self.seen + sent)
        if by_user:
            return replace(split, spoke=None)
        if split.evalue >= BAR:
            return replace(split, seen=Sent(), spoke=split.seen)
        mended = self.spoke is not None and split.seen.all >= self.spoke.all
        return replace(split, spoke=None) if mended else split

    @property
    def evalue(self) -> float:
        """Against "the share is the wanted one, give or take `TOLERATED`"."""
        return evalues.evalue(_log_evalue(self.seen, self.wanted / 100)) if 0 < self.wanted < 100 else 1.0

    @property
    def problem(self) -> str | None:
        """What is wrong with it, for people; None while nothing is known to be."""
        if self.spoke is None:
            return None
        realised = (
            f"{100 * self.spoke.challenger / self.spoke.all:.3g} % ({self.spoke.challenger:,} of {self.spoke.all:,})"
        )
        return f"of the requests {realised} were sent to the challenger, and {self.wanted} % are wanted"

    @classmethod
    def parse(cls, raw: Json) -> Self:
        spoke = raw.get("broken")
        return cls(raw["wanted"], Sent.parse(raw["sent"]), Sent.parse(spoke) if spoke else None)

    def dump(self) -> dict[str, Any]:
        """As `Trial.status.evidence.split` shows it."""
        broken = {"broken": self.spoke.dump()} if self.spoke else {}
        evalue = float(f"{self.evalue:.3g}")
        return {"wanted": self.wanted, "sent": self.seen.dump(), "evalue": evalue, **broken}


def _log_evalue(sent: Sent, wanted: float) -> float:
    """ln of B(k + 1, n - k + 1) / (p^k (1 - p)^(n - k)) for k of n, p the tolerated share that is nearest to k / n."""
    if not sent.all:
        return 0.0
    odds = wanted / (1 - wanted)
    least, most = (tolerated / (1 + tolerated) for tolerated in (odds / TOLERATED, odds * TOLERATED))
    share = min(max(sent.challenger / sent.all, least), most)
    mixture = math.lgamma(sent.challenger + 1) + math.lgamma(sent.champion + 1) - math.lgamma(sent.all + 2)
    return mixture - sent.challenger * math.log(share) - sent.champion * math.log1p(-share)
