"""The two variants' counts over the same time, and what they say of the ratio of their rates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from contender.api import Json
from contender.rollout import evalues
from contender.rollout.counting import Count


@dataclass(frozen=True, slots=True)
class Pair:
    """The two variants' counts over the same time."""

    champion: Count
    challenger: Count

    def __add__(self, other: "Pair") -> "Pair":
        return Pair(self.champion + other.champion, self.challenger + other.challenger)

    def __sub__(self, other: "Pair") -> "Pair":
        return Pair(self.champion - other.champion, self.challenger - other.challenger)

    @property
    def numbers(self) -> tuple[int, int, int, int]:
        """The champion's events and exposures, then the challenger's."""
        theirs, ours = self.champion, self.challenger
        return theirs.events, theirs.exposures, ours.events, ours.exposures

    @property
    def events(self) -> int:
        """The bad events of both."""
        return self.champion.events + self.challenger.events

    @property
    def exposure_odds(self) -> float | None:
        """The challenger's exposures for each of the champion's; None while either has none."""
        champion, challenger = self.champion.exposures, self.challenger.exposures
        return challenger / champion if champion and challenger else None

    @property
    def ratio(self) -> float | None:
        """The challenger's rate for each of the champion's; None while that cannot be told."""
        ours, theirs = self.challenger.rate, self.champion.rate
        return ours / theirs if ours is not None and theirs else None

    def ratio_interval(self, confidence: float) -> tuple[float, float] | None:
        """Bounds of the ratio that hold at all looks together; None while it has no upper one.

        Of all events a part q falls on the challenger, with q / (1 - q) = exposure odds * ratio. Pooled over the counts
        given, so it takes the champion's rate to be the same at every share; the e-values do not.
        """
        odds = self.exposure_odds
        if odds is None or not self.champion.events:
            return None
        ours = evalues.lower_limit(self.challenger.events, self.events, confidence)
        theirs = evalues.lower_limit(self.champion.events, self.events, confidence)
        return ours / (1 - ours) / odds, (1 - theirs) / theirs / odds

    @classmethod
    def of(cls, numbers: Sequence[int]) -> Self:
        """Of what `numbers` gave."""
        events, exposures, ours, of = numbers
        return cls(Count(events, exposures), Count(ours, of))

    @classmethod
    def parse(cls, raw: Json) -> Self:
        return cls(Count.parse(raw["champion"]), Count.parse(raw["challenger"]))

    def dump(self) -> dict[str, Any]:
        return {"champion": self.champion.dump(), "challenger": self.challenger.dump()}


NOTHING = Pair(Count(), Count())
