"""From the routers' counters to counts: what happened between two looks, and how much of it was bad.

Counters only rise, per router pod and Envoy process. A `Cursor` remembers where one pod's stood at the last look; what
cannot be judged is dropped and counted under its name. Knows no statistics.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from contender.api import Guardrail, Json, Measure, seconds
from contender.observation import Counters, RouterPod

NUMBERS = (
    "completed",
    "retries",
    "errors",
    "rejected",
    "timeouts",
    "timed",
    "begun",
    "shed",
)  # in the order of a cursor
CURSORS = 16  # as many as the Trial's schema takes; the pods that answered last come first


class Dropped(StrEnum):
    """Why counts, or the time in which they came, were no evidence at a look."""

    RESTARTED = "restarted"  # a counter or the uptime fell: Envoy began anew, or its node's clock was set back
    STRADDLING = "straddling"  # the share changed between the two looks
    LAGGING = "lagging"  # the pod's live route is not the one that is judged
    MISSING = "missing"  # the pod answered without a variant that it had counted; made up for at the next look
    DUPLICATED = "duplicated"  # the very answer of the last look, once more
    SILENT = "silent"  # a ready router pod gave no answer; made up for when it answers again
    SPLIT = "split"  # the requests were not split as wanted: see `split`
    AWAY = "away"  # no look for long, or a clock set forward: only a part of that time counts for soak and timeout
    CLOCK = "clock"  # the operator's clock was set back: no time counts for soak and timeout
    CORRECTED = (
        "corrected"  # a count of labels fell: labels were replaced by others, or went with the ledger's retention
    )
    UNEVEN = "uneven"  # labels came for one variant more than for the other; made up for when they are even


@dataclass(frozen=True, slots=True)
class Count:
    """Bad events out of exposures."""

    events: int = 0
    exposures: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(self.events + other.events, self.exposures + other.exposures)

    def __sub__(self, other: "Count") -> "Count":
        return Count(self.events - other.events, self.exposures - other.exposures)

    @property
    def rate(self) -> float | None:
        """Events per exposure; None before the first exposure."""
        return self.events / self.exposures if self.exposures else None

    @classmethod
    def parse(cls, raw: Json) -> Self:
        return cls(raw["events"], raw["exposures"])

    def dump(self) -> dict[str, int]:
        return {"events": self.events, "exposures": self.exposures}


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where one router pod's counters stood when they were last read."""

    pod: str  # uid
    uptime: float  # seconds
    share: int  # live in the pod, in percent
    counters: Mapping[str, Counters]  # variant -> live traffic

    @classmethod
    def parse(cls, raw: Json) -> Self:
        counters = {variant: _parse_counters(values) for variant, values in raw["counters"].items()}
        return cls(raw["pod"], raw["uptime"], raw["share"], counters)

    def dump(self) -> dict[str, Any]:
        counters = {variant: _dump_counters(values) for variant, values in self.counters.items()}
        return {"pod": self.pod, "uptime": self.uptime, "share": self.share, "counters": counters}


@dataclass(frozen=True, slots=True)
class Interval:
    """By how much the counters rose between two looks, summed over router pods of one share."""

    champion: Counters
    challenger: Counters


def interval(
    before: Sequence[Cursor], pods: Sequence[RouterPod], champion: str, challenger: str, share: int
) -> tuple[Interval, tuple[Cursor, ...], Mapping[str, int]]:
    """What the trial's two variants did since the last look, the cursors for the next, and how often what was dropped.

    `share` is the one that is judged, in percent. A pod without a cursor only gets one. A pod that does not answer
    keeps its cursor, so that nothing is lost when it answers again.
    """
    cursors = {cursor.pod: cursor for cursor in before}
    rises: list[Mapping[str, Counters]] = []
    dropped: Counter[str] = Counter()
    for pod in pods:
        old, new = cursors.pop(pod.uid, None), _cursor(pod, champion, challenger)
        problem = _problem(old, new, share)
        dropped.update([problem] if problem else [])
        if old and new and problem is None:
            rises.append(_rises(old, new))
        kept = old if problem is Dropped.MISSING else new
        cursors = {pod.uid: kept, **cursors} if kept else cursors
    risen = Interval(_total(rises, champion), _total(rises, challenger))
    return risen, tuple(cursors.values())[:CURSORS], dropped


def count(counters: Counters, guardrail: Guardrail) -> Count:
    """Bad events out of exposures, as the guardrail's measure sees them.

    A reset that the router retried is hidden from the client, so it is an error and an exposure of its own. A timeout
    never enters the latency histogram, so it is added as one more slow answer. What the router shed tells nothing; it
    may be seen before the error that it is.
    """
    exposures = max(0, counters.completed + counters.retries - counters.shed)
    match guardrail.measure:
        case Measure.ERRORS:
            return Count(max(0, counters.errors + counters.retries - counters.shed), exposures)
        case Measure.REJECTED:
            return Count(counters.rejected, exposures)
        case Measure.LATENCY:
            slow = counters.timed - _at_most(counters, seconds(guardrail.over or ""))
            return Count(slow + counters.timeouts, counters.timed + counters.timeouts)
        case _:  # labels alone tell it
            return Count()


def _at_most(counters: Counters, edge: float) -> int:
    # An unknown edge with answers in the histogram must not pass for "all were slow".
    return counters.faster[edge] if counters.timed else 0


def _cursor(pod: RouterPod, champion: str, challenger: str) -> Cursor | None:
    """None when the pod's live route is not this trial's."""
    route = pod.route
    if route is None or route.champion != champion or route.challenger not in (challenger, None):
        return None
    counters = {variant: pod.counters[variant] for variant in (champion, challenger) if variant in pod.counters}
    return Cursor(pod.uid, pod.uptime, route.share, counters)


def _problem(old: Cursor | None, new: Cursor | None, share: int) -> Dropped | None:
    if new is None:
        return Dropped.LAGGING
    return None if old is None else _problem_between(old, new, share)


def _problem_between(old: Cursor, new: Cursor, share: int) -> Dropped | None:
    if old == new:
        return Dropped.DUPLICATED
    if old.share != new.share:
        return Dropped.STRADDLING
    if new.share != share:
        return Dropped.LAGGING
    if old.counters.keys() - new.counters.keys():
        return Dropped.MISSING
    return Dropped.RESTARTED if _began_anew(old, new) else None


def _began_anew(old: Cursor, new: Cursor) -> bool:
    return new.uptime < old.uptime or any(_fell(then, new.counters[variant]) for variant, then in old.counters.items())


def _rises(old: Cursor, new: Cursor) -> Mapping[str, Counters]:
    """A variant that the router did not have at the last look began at zero."""
    return {variant: _combine(now, old.counters.get(variant, Counters()), -1) for variant, now in new.counters.items()}


def _fell(old: Counters, new: Counters) -> bool:
    """What rose since is not known then: to take all that a counter shows might count a trial's requests twice.

    `begun` may fall by itself: see `Counters`.
    """
    change = _combine(new, old, -1)
    numbers = (change.completed, change.retries, change.errors, change.rejected, change.timeouts, change.timed)
    return min(*numbers, change.shed, *change.faster.values()) < 0


def _combine(left: Counters, right: Counters, sign: int) -> Counters:
    """`left + sign * right`, counter by counter."""
    return Counters(
        completed=left.completed + sign * right.completed,
        retries=left.retries + sign * right.retries,
        errors=left.errors + sign * right.errors,
        rejected=left.rejected + sign * right.rejected,
        timeouts=left.timeouts + sign * right.timeouts,
        timed=left.timed + sign * right.timed,
        shed=left.shed + sign * right.shed,
        begun=left.begun + sign * right.begun,
        faster={
            edge: left.faster.get(edge, 0) + sign * right.faster.get(edge, 0)
            for edge in left.faster.keys() | right.faster.keys()
        },
    )


def _total(rises: Iterable[Mapping[str, Counters]], variant: str) -> Counters:
    total = Counters()
    for rise in rises:
        total = _combine(total, rise.get(variant, Counters()), 1)
    return total


def _parse_counters(raw: Json | Sequence[Any]) -> Counters:
    """Also as Trials of old have them: by name, and without `begun`."""
    if isinstance(raw, Mapping):
        return Counters(**{"begun": raw["completed"], **raw, "faster": _edges(raw["faster"])})
    *numbers, faster = raw
    return Counters(**dict(zip(NUMBERS, numbers, strict=True)), faster=_edges(faster))


def _dump_counters(counters: Counters) -> list[Any]:
    """Numbers without their names: there are up to 32 of these in a Trial."""
    faster = {f"{edge:g}": number for edge, number in sorted(counters.faster.items())}
    return [*(getattr(counters, name) for name in NUMBERS), faster]


def _edges(raw: Json) -> dict[float, int]:
    return {float(edge): number for edge, number in raw.items()}
