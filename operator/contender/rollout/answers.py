"""What each command is answered: whether it is on its way, has come true, or cannot be, and what to write. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from contender import names
from contender.api import Json, Phase, Trial
from contender.rollout.commands import given, retries
from contender.rollout.trial import WON, is_rejected


class Outcome(StrEnum):
    ACCEPTED = "Accepted"
    DONE = "Done"
    REFUSED = "Refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes of one annotation."""

    command: str
    value: str
    outcome: Outcome
    message: str

    def dump(self) -> dict[str, str]:
        return {
            "command": self.command,
            "value": self.value,
            "outcome": str(self.outcome),
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom the commands can speak of."""

    annotations: Json
    champion: str | None
    trial: Trial | None  # the newest
    wanted: str
    former: frozenset[str]  # every variant that was on trial

    @property
    def challenger(self) -> str | None:
        """The variant on trial."""
        return self.trial.challenger.variant if self.trial and not self.trial.ended else None


def answers(subject: Subject) -> Iterator[Answer]:
    """What becomes of each command that is there."""
    for annotation, answer in ANSWERS.items():
        value = subject.annotations.get(annotation)
        if value:
            outcome, message = answer(subject, value)
            yield Answer(annotation.rpartition("/")[2], value, outcome, message)


def _promote(subject: Subject, variant: str) -> tuple[Outcome, str]:
    trial = subject.trial
    if variant == subject.champion:
        return Outcome.DONE, f"variant {variant} is the champion"
    if trial is None or variant != subject.challenger:
        return _not_on_trial(subject, variant, names.PROMOTE)
    return _promoted(subject.annotations, trial)


def _promoted(annotations: Json, trial: Trial) -> tuple[Outcome, str]:
    if trial.phase in {Phase.REJECTING, Phase.SUPERSEDING}:
        return Outcome.REFUSED, f"too late: {trial.name} is {trial.phase}"
    if annotations.get(names.ABORT) == trial.challenger.variant:
        return Outcome.REFUSED, f"{names.ABORT} names the same variant, and wins: remove one of the two"
    if not given(annotations, trial).promote:
        return Outcome.DONE, "an earlier trial of it has heard this: for this one remove the annotation, then set it"
    if annotations.get(names.PAUSE) == "true":
        return Outcome.ACCEPTED, f"{trial.name} promotes it once {names.PAUSE} is removed"
    return Outcome.ACCEPTED, f"{trial.name} promotes it as soon as its pods can carry all traffic"


def _abort(subject: Subject, variant: str) -> tuple[Outcome, str]:
    trial = subject.trial
    if variant == subject.champion != subject.challenger:
        return Outcome.REFUSED, f"variant {variant} is the champion: to replace it, change spec.model"
    if trial and variant == trial.challenger.variant and trial.phase is Phase.REJECTED:
        return Outcome.DONE, f"{trial.name} sent it back"
    if trial is None or variant != subject.challenger:
        return _not_on_trial(subject, variant, names.ABORT)
    return Outcome.ACCEPTED, f"{trial.name} sends it back, as soon as a pod of {trial.champion.variant} is ready"


def _retry(subject: Subject, variant: str) -> tuple[Outcome, str]:
    trial = subject.trial
    if variant in {subject.champion, subject.challenger}:
        who = "the champion" if variant == subject.champion else "on trial"
        return Outcome.DONE, f"variant {variant} is {who}"
    if trial is None or not is_rejected(trial, subject.wanted) or variant != subject.wanted:
        return (
            Outcome.REFUSED,
            f"spec asks for variant {subject.wanted}: only a rejected one that spec asks for is tried again",
        )
    if subject.annotations.get(names.ABORT) == variant:
        return Outcome.REFUSED, f"{names.ABORT} names the same variant, and wins: remove it"
    if not retries(subject.annotations, trial):
        return (
            Outcome.DONE,
            "it was tried again, and sent back again: for one more trial remove the annotation, then set it",
        )
    return Outcome.ACCEPTED, "another trial of it begins"


def _pause(subject: Subject, value: str) -> tuple[Outcome, str]:
    if value not in {"true", "false"}:
        return Outcome.REFUSED, f'write {names.PAUSE}: "true", or remove the annotation'
    if value == "false":
        return Outcome.DONE, "nothing is paused"
    if subject.trial is None or subject.challenger is None or subject.trial.phase in WON:
        return Outcome.ACCEPTED, "nothing is to be paused now; the next trial waits before its first share"
    return Outcome.ACCEPTED, "the share stays as it is until the annotation is removed; guardrails go on"


def _not_on_trial(subject: Subject, variant: str, annotation: str) -> tuple[Outcome, str]:
    """What was on trial once is over, and no reason to speak of the present challenger."""
    if variant in subject.former:
        return Outcome.DONE, f"the trial of variant {variant} is over: remove the annotation"
    challenger = subject.challenger
    mend = f"write {annotation}={challenger}, or remove it" if challenger else "nothing is: remove the annotation"
    return Outcome.REFUSED, f"variant {variant} is not on trial; {mend}"


ANSWERS: Mapping[str, Callable[[Subject, str], tuple[Outcome, str]]] = {
    names.PROMOTE: _promote,
    names.ABORT: _abort,
    names.RETRY: _retry,
    names.PAUSE: _pause,
}
