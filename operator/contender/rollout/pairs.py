"""Which requests both variants answered, one of them in the shadow, and on which of these either answer was bad. Pure.

Contender's serving image remembers its latest answers by the id of their request, which a copy shares. A pair counts
once, when the champion's answer has been there for so long that the challenger's would be too. What is not found by
then, or was answered twice under one id, or was left by its client, is no pair: that says nothing of either variant.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from contender.api import SPARED, Guardrail, Json, Measure, seconds
from contender.observation import Answer, Recording
from contender.rollout.paired import Paired

SETTLED = 5.0  # seconds after which the other answer is not waited for any more
CLIENT_GONE = 499
PROCESSES = 16  # as many as the Trial's schema takes

Pair = tuple[Answer, Answer]  # the champion's and the challenger's


@dataclass(frozen=True, slots=True)
class Joined:
    """How many pairs there were, and how far the champion's recordings have been read: process -> answer's number."""

    number: int = 0
    read: Mapping[str, int] = field(default_factory=dict)
    missing: str | None = None  # why there are none

    @classmethod
    def parse(cls, raw: Json) -> Self:
        """`Trial.status.pairs`, which may be empty."""
        return cls(raw.get("number", 0), {each["process"]: each["number"] for each in raw.get("read", ())})

    def dump(self) -> dict[str, Any]:
        read = [{"process": process, "number": number} for process, number in self.read.items()]
        return {"number": self.number, "read": read, **({"missing": self.missing} if self.missing else {})}


def join(
    before: Joined, champion: Sequence[Recording], challenger: Sequence[Recording]
) -> tuple[Sequence[Pair], Joined]:
    """The pairs that have settled since `before`, and what there was of them until now."""
    theirs, ours = _by_request(champion), _by_request(challenger)
    settled = {each.process: [old for old in each.answers if old.age >= SETTLED] for each in champion}
    fresh = [
        each for process, answers in settled.items() for each in answers if each.number > before.read.get(process, 0)
    ]
    pairs = [
        (theirs[each.request], ours[each.request]) for each in fresh if each.request in theirs.keys() & ours.keys()
    ]
    newest = {process: max(each.number for each in answers) for process, answers in settled.items() if answers}
    passed = {process: number for process, number in before.read.items() if process not in newest}
    read = dict([*passed.items(), *newest.items()][-PROCESSES:])
    return pairs, Joined(before.number + len(pairs), read)


def count(pairs: Iterable[Pair], guardrail: Guardrail) -> Paired:
    """On how many of the pairs both answers were bad, or just the one, as the guardrail's measure sees them."""
    found = Counter((is_bad(theirs, guardrail), is_bad(ours, guardrail)) for theirs, ours in pairs)
    return Paired(both=found[True, True], challenger_only=found[False, True], champion_only=found[True, False])


def is_bad(answer: Answer, guardrail: Guardrail) -> bool:
    match guardrail.measure:
        case Measure.ERRORS:
            return answer.status >= 500
        case Measure.REJECTED:
            return 400 <= answer.status < 500 and answer.status not in SPARED
        case Measure.LATENCY:
            return guardrail.over is not None and answer.seconds > seconds(guardrail.over)
        case _:  # labels alone tell it
            return False


def _by_request(recordings: Iterable[Recording]) -> dict[str, Answer]:
    answers = [answer for recording in recordings for answer in recording.answers]
    times = Counter(answer.request for answer in answers)
    return {each.request: each for each in answers if times[each.request] == 1 and each.status != CLIENT_GONE}
