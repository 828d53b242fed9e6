"""The operator's own verdicts by labels: its evidence, its windows and its rules, run by run.

Nothing of the engine is done anew here. What is left out is what labels have no part in: pods, routers, and the errors
that the routers count, of which there are none. `tests/unit/test_bench_labels.py` holds it to whole looks of the
operator.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np

from benchmarks.evidence.engine import BELOW, CONFIDENCE, GUARDRAIL, RATIO
from benchmarks.evidence.labels.stream import CHALLENGER, CHAMPION, LOOKS, SOAK, Stream
from benchmarks.evidence.stream import STEPS
from contender.api import Guardrail, Measure, TrialRules
from contender.observation import Labelled, Labels
from contender.rollout import rules
from contender.rollout.commands import Commands
from contender.rollout.evalues import LARGEST
from contender.rollout.evidence import Evidence
from contender.rollout.findings import rounded
from contender.rollout.labels import EVERY
from contender.rollout.rules import Facts, Finding
from contender.rollout.verdict import Shift, Verdict

ACCURACY = Guardrail(Measure.ACCURACY, None, RATIO, BELOW)
RECALL = replace(ACCURACY, measure=Measure.RECALL, class_="fraud")
PROMOTED, REJECTED, UNEVEN = map(
    rules.reason, (rules.every_guardrail_is_proved, rules.guardrail_is_breached, rules.labels_are_uneven)
)
ENDS = frozenset({PROMOTED, REJECTED})
START = datetime(2026, 1, 1, tzinfo=UTC)
ALL_IS_WELL = partial(
    Facts,
    problem=None,
    ready=1,
    capacity=1,
    champion_ready=True,
    silent_routers=(),
    share_is_live=True,
    judged=0.0,
    shadowed=None,
    quiet=0.0,
    challenger_requests=1,
    commands=Commands(),
    trusted=False,
    broken_split=None,
)
NO_ERRORS = Finding(str(GUARDRAIL.measure), 0.0, LARGEST, "")


@dataclass(frozen=True, slots=True)
class Ending:
    """The rule that spoke last, and the look at which it did."""

    rule: str
    look: int


@dataclass(frozen=True, slots=True)
class Endings:
    """How a cell's trials ended. Shares are of the runs."""

    promoted: float
    rejected: float
    uneven: float  # held, since labels came for one variant more than for the other
    waiting: float  # held, since labels have not told enough, or none has come
    median: float | None  # labels to the verdict; none if it is not given in so many of the runs


@dataclass(slots=True)
class Judge:
    """One trial, from its first share on."""

    rules: TrialRules
    evidence: Evidence
    step: int = 0
    soaked: int | None = None  # looks; None before the share is live

    @classmethod
    def begin(cls, guardrails: tuple[Guardrail, ...]) -> "Judge":
        return cls(TrialRules.parse(spec(guardrails)), Evidence.begin(guardrails))

    def look(self, number: int, told: Sequence[dict[str, Labelled]]) -> Verdict:
        """The verdict at a look; `told` is what the ledger tells of each window that there is."""
        now = START + timedelta(seconds=EVERY * number)
        known = (window.since for window in self.evidence.ledger.windows)
        self.evidence = self.evidence.absorb_labels(
            Labels(dict(zip(known, told, strict=False))), CHAMPION, CHALLENGER, now
        )
        if self.soaked is None:
            self.evidence = self.evidence.open_window(now, STEPS[self.step])
        self.soaked = 0 if self.soaked is None else self.soaked + 1
        verdict = rules.judge(self._facts())
        if isinstance(verdict, Shift):
            self.step, self.soaked = verdict.step, None
            self.evidence = self.evidence.close_window(now).begin_step()
        return verdict

    def _facts(self) -> Facts:
        measured = (
            Finding(measure.name, rounded(measure.breach()), rounded(measure.proof()), "", labelled=True)
            for measure in self.evidence.measures
        )
        return ALL_IS_WELL(
            rules=self.rules,
            step=self.step,
            soaked=EVERY * (self.soaked or 0),
            findings=(NO_ERRORS, *measured),
            uneven_labels=self.evidence.ledger.uneven,
        )


def judge(stream: Stream, run: int, guardrails: tuple[Guardrail, ...]) -> Ending:
    """One run, to its verdict or to the last look.

    One whose labels are uneven while its share rises is over as well: it is held there, and what would come at that
    share is not in the stream.
    """
    trial, ending = Judge.begin(guardrails), Ending("", 0)
    for number, told in enumerate(stream.told(run, guardrails)):
        rising = trial.step < len(STEPS) - 1
        ending = Ending(trial.look(number, told).rule, number)
        if ending.rule in ENDS or (rising and ending.rule == UNEVEN):
            break
    return ending


def judged(stream: Stream, guardrails: tuple[Guardrail, ...]) -> Endings:
    """All runs of a cell."""
    endings = [judge(stream, run, guardrails) for run in range(stream.runs)]
    said = Counter(ending.rule for ending in endings)
    promoted, rejected, uneven = (said[rule] / stream.runs for rule in (PROMOTED, REJECTED, UNEVEN))
    needed = [stream.labels[run, ending.look] if ending.rule in ENDS else np.inf for run, ending in enumerate(endings)]
    median = float(np.quantile(needed, 0.5, method="higher"))
    waiting = sum(ending.rule not in {*ENDS, UNEVEN} for ending in endings) / stream.runs
    return Endings(promoted, rejected, uneven, waiting, median if np.isfinite(median) else None)


def spec(guardrails: Sequence[Guardrail]) -> dict[str, Any]:
    """What a Trial's spec says that is judged by these guardrails, and by errors."""
    return {
        "steps": STEPS,
        "soak": f"{EVERY * SOAK:g}s",
        "guardrails": [_written(guardrail) for guardrail in (GUARDRAIL, *guardrails)],
        "objectives": [],
        "negligible": {},
        "confidence": CONFIDENCE,
        "timeout": f"{EVERY * LOOKS * 2:g}s",
        "onTimeout": "Hold",
        "approval": "Automatic",
        "standby": "0s",
    }


def _written(guardrail: Guardrail) -> dict[str, Any]:
    about = {} if guardrail.class_ is None else {"class": guardrail.class_}
    return {"measure": guardrail.measure, "noWorseThan": guardrail.no_worse_than, "below": guardrail.below, **about}
