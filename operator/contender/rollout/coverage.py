"""How many of the champion's answers get a label: what the routers count, beside what the ledger has.

Answers are counted since a moment, and since a later one that takes its place when it is a window old: so that coverage
is always of the last one or two windows. A router pod that is new, or began anew, is counted from then on, so a few
answers are missing, and coverage is rather told too great than too small.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

from contender.api import Json, rfc3339
from contender.observation import Counters, RouterPod

CURSORS = 16  # router pods


@dataclass(frozen=True, slots=True)
class Served:
    """Answers of the champion's that users got, but those that have no receipt: errors, and what was rejected."""

    since: datetime
    answers: int
    later: datetime
    later_answers: int
    cursors: Mapping[str, int]  # router pod -> where its counters stood

    @classmethod
    def begin(cls, now: datetime) -> Self:
        return cls(now, 0, now, 0, {})

    def again(self, pods: Sequence[RouterPod], champion: str) -> Self:
        """After one more look at the router pods."""
        found = {pod.uid: _answers(pod.counters[champion]) for pod in pods if champion in pod.counters}
        more = sum(_rise(self.cursors.get(pod), count) for pod, count in found.items())
        known = {**found, **{pod: count for pod, count in self.cursors.items() if pod not in found}}
        cursors = dict(list(known.items())[:CURSORS])
        answers, later_answers = self.answers + more, self.later_answers + more
        return replace(self, answers=answers, later_answers=later_answers, cursors=cursors)

    def aged(self, now: datetime, window: timedelta) -> Self:
        """With the later moment in the place of the first, once it is a window old."""
        if now - self.later < window:
            return self
        return replace(self, since=self.later, answers=self.later_answers, later=now, later_answers=0)

    def coverage(self, labelled: int) -> float | None:
        """The part of the answers since `since` of which `labelled` have a label; None before the first."""
        return round(min(1.0, labelled / self.answers), 4) if self.answers else None

    @classmethod
    def parse(cls, raw: Json) -> Self:
        since, later = map(datetime.fromisoformat, (raw["since"], raw["laterSince"]))
        return cls(since, raw["answers"], later, raw["laterAnswers"], raw["routers"])

    def dump(self) -> dict[str, Any]:
        """As `status.quality.served` shows it."""
        return {
            "since": rfc3339(self.since),
            "answers": self.answers,
            "laterSince": rfc3339(self.later),
            "laterAnswers": self.later_answers,
            "routers": dict(self.cursors),
        }


def _answers(counters: Counters) -> int:
    return max(0, counters.completed - counters.errors - counters.rejected)


def _rise(before: int | None, now: int) -> int:
    if before is None:
        return 0
    return now - before if now >= before else now
