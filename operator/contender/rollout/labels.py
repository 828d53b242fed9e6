"""Labels as evidence: what a trial asks the ledger, and what it makes of the answers. Pure.

Only answers from a window count (`windows`): while the challenger has pods, every router pod was seen to carry the
share, and the requests are split as wanted. A window ends before its share does.
"""

from dataclasses import dataclass
from datetime import datetime

from contender.api import Guardrail, Phase, Trial
from contender.observation import Labels
from contender.rollout.evidence import Evidence
from contender.rollout.windows import Window

EVERY = 10.0  # seconds between two questions: labels are slow
ASKING = frozenset({Phase.SHIFTING, Phase.HOLDING, Phase.PROMOTING})


@dataclass(frozen=True, slots=True)
class Question:
    """What the ledger is asked: of each window and variant, the counts of each measure."""

    windows: tuple[Window, ...]
    variants: tuple[str, ...]
    guardrails: tuple[Guardrail, ...]  # that labels tell; objectives among them
    delays: bool = False  # whether to tell how late labels came


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a question at a look: the answer, or silence; neither when nothing was asked."""

    labels: Labels | None = None
    silence: str | None = None  # why


NOTHING_ASKED = Heard()


def question(trial: Trial, now: datetime) -> Question | None:
    """What to ask the ledger now; None when labels tell nothing that is judged, or were asked for just now."""
    asked = tuple(each for each in (*trial.rules.guardrails, *trial.rules.objectives) if each.labelled)
    if not asked or trial.phase not in ASKING:
        return None
    reading = Evidence.of(trial).ledger
    rested = reading.asked_at is None or not 0 <= (now - reading.asked_at).total_seconds() < EVERY
    if not reading.windows or not rested:
        return None
    return Question(reading.windows, (trial.champion.variant, trial.challenger.variant), asked)


def hear(trial: Trial, before: Evidence, heard: Heard, now: datetime, *, by_user: bool) -> Evidence:
    """The evidence after what the ledger told at a look."""
    if heard.silence is not None:
        return before.meet_silence(heard.silence, now)
    if heard.labels is None:
        return before
    champion, challenger = trial.champion.variant, trial.challenger.variant
    return before.absorb_labels(heard.labels, champion, challenger, now, by_user=by_user)


def follow(before: Evidence, share: int, last: datetime | None, now: datetime, *, live: bool) -> Evidence:
    """The evidence with the window opened or closed that the traffic asks for.

    `live` says that the challenger has its `share`, in percent; `last` is the look before, when it still had.
    """
    if not before.labelled:
        return before
    going, live = before.ledger.open, live and before.split.problem is None
    if going is not None and not (live and going.share == share):
        before = before.close_window(last or now)
    return before.open_window(now, share) if live and before.ledger.open is None else before
