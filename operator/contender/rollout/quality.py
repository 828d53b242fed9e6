"""Quality after promotion: how often the champion is wrong, by labels, for as long as it serves.

A look is a function of what status says and what the ledger tells now: of the window that status was told of, which
labels came since; and of the window that ends now, which are there. So a look that is not told is as good as none, its
labels are part of the next. Told is what changes a verdict at once, and numbers now and then: who watches a quiet
ModelDeployment is not woken. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

from contender.api import Json, ModelDeployment, Monitoring, moment, rfc3339, seconds
from contender.observation import Labelled, Labels, RouterPod
from contender.rollout.bounds import YEAR, Judged
from contender.rollout.counting import Count
from contender.rollout.coverage import Served
from contender.rollout.labels import Heard, Question
from contender.rollout.windows import Window, milliseconds
from contender.rollout.wording import duration, percent

ASKED, TOLD = 60.0, 300.0  # seconds between two questions; and between two times that new numbers are told
PARTS = 10  # of a window that is short: so often it is asked for
LEAST = 20  # labels of a measure, before anything is said of it
PATIENCE = 5  # questions without an answer


@dataclass(frozen=True, slots=True)
class Quality:
    """What labels tell of the champion, as status has it."""

    variant: str
    since: datetime  # the window's beginning
    judged: tuple[Judged, ...]
    looked_at: datetime | None = None  # when the ledger last told what is shown here
    labelled: int = 0  # answers in the window of which a label is known
    delay: float | None = None  # seconds: half of the labels came within it
    served: Served | None = None
    coverage: float | None = None  # since `served.since`
    silent_since: datetime | None = None
    silence: str | None = None

    @classmethod
    def known(cls, owner: ModelDeployment, monitoring: Monitoring, champion: str, now: datetime) -> Self:
        """As status has it; all begins anew with another champion, and one bound when it is another."""
        raw = owner.status.get("quality", {})
        if raw.get("variant") != champion:
            return cls(champion, _beginning(monitoring, now), tuple(map(Judged, monitoring.quality)))
        return cls.parse(raw, monitoring)

    def hear(self, labels: Labels, pods: Sequence[RouterPod], monitoring: Monitoring, now: datetime) -> Self:
        """After an answer of the ledger's."""
        since = _beginning(monitoring, now)
        came, seen = (self._told(labels, each) for each in (self.since, since))
        passed = (now - self.looked_at).total_seconds() if self.looked_at else seconds(monitoring.window)
        stake = max(passed, every(monitoring)) / YEAR
        judged = (
            one.again(Count(*count) - one.seen, Count(*all_), stake, len(self.judged))
            for one, count, all_ in zip(self.judged, came.counts, seen.counts, strict=True)
        )
        served = (self.served or Served.begin(now)).again(pods, self.variant)
        coverage = served.coverage(self._told(labels, served.since).answers)
        aged = served.aged(now, _window(monitoring))
        return type(self)(self.variant, since, tuple(judged), now, seen.answers, seen.delay, aged, coverage)

    def meet_silence(self, why: str, now: datetime) -> Self:
        return replace(self, silent_since=self.silent_since or now, silence=why)

    @property
    def windows(self) -> Iterator[datetime]:
        """Since when the ledger is asked for labels, beside the window that ends now."""
        yield self.since
        if self.served:
            yield self.served.since

    @property
    def broken(self) -> tuple[Judged, ...]:
        return tuple(one for one in self.judged if one.broken)

    @property
    def least(self) -> int:
        """Labels in the window, of the measure that has the fewest."""
        return min(one.seen.exposures for one in self.judged)

    @property
    def shown(self) -> tuple[object, ...]:
        """What is told as soon as it changes."""
        broken = tuple(one.name for one in self.broken)
        return broken, self.least >= LEAST, self.least > 0, self.silent_since

    @property
    def summary(self) -> str:
        """The numbers for people."""
        coverage = [] if self.coverage is None else [f"{percent(self.coverage)} of the answers have a label"]
        delay = [] if self.delay is None else [f"half of the labels come within {duration(self.delay)}"]
        return "; ".join([*(one.sentence for one in self.judged), *coverage, *delay])

    def _told(self, labels: Labels, since: datetime) -> Labelled:
        told = labels.windows.get(milliseconds(since), {}).get(self.variant, Labelled())
        return told if told.counts else replace(told, counts=((0, 0),) * len(self.judged))

    @classmethod
    def parse(cls, raw: Json, monitoring: Monitoring) -> Self:
        judged = {(each["name"], each["bound"]): each for each in raw["measures"]}
        return cls(
            variant=raw["variant"],
            since=datetime.fromisoformat(raw["since"]),
            judged=tuple(
                Judged.parse(judged.get((Judged(bound).name, bound.below)), bound) for bound in monitoring.quality
            ),
            looked_at=moment(raw.get("lookedAt")),
            labelled=raw["labelled"],
            delay=raw.get("delaySeconds"),
            served=Served.parse(raw["served"]) if "served" in raw else None,
            coverage=raw.get("coverage"),
            silent_since=moment(raw.get("silentSince")),
            silence=raw.get("silence"),
        )

    def dump(self) -> dict[str, Any]:
        """As `status.quality` shows it."""
        told = {
            "variant": self.variant,
            "since": rfc3339(self.since),
            "lookedAt": self.looked_at and rfc3339(self.looked_at),
            "labelled": self.labelled,
            "coverage": self.coverage,
            "delaySeconds": self.delay,
            "measures": [one.dump() for one in self.judged],
            "served": self.served and self.served.dump(),
            "silentSince": self.silent_since and rfc3339(self.silent_since),
            "silence": self.silence,
        }
        return {name: value for name, value in told.items() if value is not None}


def question(owner: ModelDeployment, champion: str | None, now: datetime) -> Question | None:
    """What to ask the ledger of the champion; None when nobody wants to know."""
    monitoring = owner.monitoring
    if monitoring is None or champion is None:
        return None
    known = Quality.known(owner, monitoring, champion, now)
    beginnings = dict.fromkeys([*known.windows, _beginning(monitoring, now)])
    windows = tuple(Window(milliseconds(since), None, 0) for since in beginnings)
    return Question(windows, (champion,), tuple(bound.guardrail for bound in monitoring.quality), delays=True)


def again(
    owner: ModelDeployment, champion: str | None, heard: Heard, pods: Sequence[RouterPod], now: datetime
) -> Quality | None:
    """What shall be told of the champion's quality after a look; None when nobody wants to know."""
    monitoring = owner.monitoring
    if monitoring is None or champion is None:
        return None
    before = Quality.known(owner, monitoring, champion, now)
    if heard.silence is not None:
        return before.meet_silence(heard.silence, now) if before.silent_since is None else before
    if heard.labels is None or not _speaks_of(heard.labels, champion):
        return before
    after = before.hear(heard.labels, pods, monitoring, now)
    return after if after.shown != before.shown or _is_time(before, after, monitoring, now) else before


def every(monitoring: Monitoring) -> float:
    """Seconds between two questions: a minute, and less for a short window."""
    return min(ASKED, seconds(monitoring.window) / PARTS)


def is_silent(quality: Quality, monitoring: Monitoring, now: datetime) -> bool:
    """Whether the ledger has been silent for longer than a restart of it takes."""
    patience = timedelta(seconds=max(ASKED, PATIENCE * every(monitoring)))
    return quality.silent_since is not None and now - quality.silent_since >= patience


def _speaks_of(labels: Labels, champion: str) -> bool:
    """Not of the one who was champion when the ledger was asked, a moment ago."""
    return any(champion in window for window in labels.windows.values())


def _is_time(before: Quality, after: Quality, monitoring: Monitoring, now: datetime) -> bool:
    """Whether new numbers may be told, and there are some."""
    if before.looked_at is None:
        return True
    rested = not 0 <= (now - before.looked_at).total_seconds() < min(TOLD, seconds(monitoring.window) / PARTS)
    return rested and _numbers(before) != _numbers(after)


def _numbers(quality: Quality) -> Mapping[str, Any]:
    return {"labelled": quality.labelled, "seen": [one.seen for one in quality.judged]}


def _window(monitoring: Monitoring) -> timedelta:
    return timedelta(seconds=seconds(monitoring.window))


def _beginning(monitoring: Monitoring, now: datetime) -> datetime:
    """Of the window that ends now; in whole seconds, as status has it."""
    return (now - _window(monitoring)).replace(microsecond=0)
