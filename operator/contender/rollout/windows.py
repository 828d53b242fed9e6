"""The windows in which labels are counted: one for each share that the trial has had, by the time of the answers.

Within a window the variants were drawn at random for requests of the same times. So at any moment their labels are of
equal age, and whatever a label's delay depends on, the class above all, it is the same for both. Labels of different
windows are never added up: there the share is another, and so is the age.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from contender.api import Json, moment, rfc3339
from contender.observation import Labelled, Labels
from contender.rollout.split import BAR, Sent, Split

MOST = 20  # windows
CELLS = 64  # windows times measures: a Trial has room for no more counts
LEAST = 3  # windows, however many measures there are
NONE = Sent()
LATELY = 60.0  # seconds for which labels are taken to come after some did


@dataclass(frozen=True, slots=True)
class Window:
    """A time with one share: since when answers count, in milliseconds of the epoch, and until when."""

    since: int
    until: int | None  # None: it goes on
    share: int  # percent
    labelled: Sent = NONE  # answers of each variant of which a label is known

    @property
    def uneven(self) -> str | None:
        """How labels came for one variant more than for the other; None when they did not."""
        if Split(self.share, self.labelled).evalue < BAR:
            return None
        part = 100 * self.labelled.challenger / self.labelled.all
        counts = f"{self.labelled.challenger:,} of {self.labelled.all:,}"
        return f"at a share of {self.share} % the challenger has {part:.3g} % of the labels ({counts})"

    @classmethod
    def parse(cls, raw: Json) -> Self:
        return cls(raw["since"], raw.get("until"), raw["share"], Sent.parse(raw["labelled"]))

    def dump(self) -> dict[str, Any]:
        until = {} if self.until is None else {"until": self.until}
        return {"since": self.since, **until, "share": self.share, "labelled": self.labelled.dump()}


@dataclass(frozen=True, slots=True)
class Reading:
    """How far the ledger has been read."""

    windows: tuple[Window, ...] = ()  # oldest first
    asked_at: datetime | None = None
    came_at: datetime | None = None  # when labels were last seen to have come
    silence: str | None = None  # why it told nothing when it was last asked; None when it did

    @property
    def open(self) -> Window | None:
        """The one that goes on."""
        return self.windows[-1] if self.windows and self.windows[-1].until is None else None

    def opened(self, now: datetime, share: int, most: int) -> Self:
        """With one more window, which begins now; of `most` the oldest goes."""
        return replace(self, windows=(*self.windows, Window(milliseconds(now), None, share))[-most:])

    def closed(self, at: datetime) -> Self:
        """With the one that goes on ended."""
        if self.open is None:
            return self
        return replace(self, windows=(*self.windows[:-1], replace(self.open, until=milliseconds(at))))

    def told(self, labels: Labels, champion: str, challenger: str, now: datetime) -> Self:
        """After an answer of the ledger's."""
        windows = tuple(_told(window, labels, champion, challenger) for window in self.windows)
        came = windows != self.windows
        return replace(self, windows=windows, asked_at=now, came_at=now if came else self.came_at, silence=None)

    def met_silence(self, why: str, now: datetime) -> Self:
        return replace(self, asked_at=now, silence=why)

    def comes(self, now: datetime) -> bool:
        """Whether labels come, as far as one can tell at a moment."""
        return self.came_at is not None and abs((now - self.came_at).total_seconds()) <= LATELY

    @property
    def uneven(self) -> str | None:
        """How labels came for one variant more than for the other, of the newest window in which they did."""
        return next((told for window in reversed(self.windows) if (told := window.uneven)), None)

    @classmethod
    def parse(cls, raw: Json) -> Self:
        windows = tuple(map(Window.parse, raw.get("windows", ())))
        return cls(windows, moment(raw.get("askedAt")), moment(raw.get("cameAt")), raw.get("silence"))

    def dump(self) -> dict[str, Any]:
        """As `Trial.status.evidence.ledger` shows it."""
        moments = {"askedAt": self.asked_at, "cameAt": self.came_at}
        return {
            "windows": [window.dump() for window in self.windows],
            **{name: rfc3339(when) for name, when in moments.items() if when is not None},
            **({} if self.silence is None else {"silence": self.silence}),
        }


def most(measures: int) -> int:
    """How many windows a trial keeps that judges so many measures by labels."""
    return max(LEAST, min(MOST, CELLS // max(measures, 1)))


def milliseconds(when: datetime) -> int:
    """Of the epoch."""
    return round(when.timestamp() * 1000)


def _told(window: Window, labels: Labels, champion: str, challenger: str) -> Window:
    told = labels.windows.get(window.since)
    if told is None:
        return window
    sent = Sent(*(told.get(variant, Labelled()).answers for variant in (champion, challenger)))
    return replace(window, labelled=sent)
