"""Judging again: whether each change of verdict, and the e-values that stand, follow from what the Trial keeps. Pure.

A change of verdict keeps all that the rules knew; the rules are asked again. It also keeps the counts and the
e-processes' state, while there is room: from these its e-values are computed again, like those that stand.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from contender.api import Json, Trial
from contender.rollout import record, rules
from contender.rollout.evidence import Evidence
from contender.rollout.findings import rounded


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was computed again."""

    what: str
    told: str
    found: str

    @property
    def agrees(self) -> bool:
        return self.told == self.found


def replay(trial: Trial) -> tuple[Check, ...]:
    """Every change of verdict, oldest first, then the e-values. Left out is what no rule decided."""
    return (*_verdicts(trial), *_evalues(trial))


def _verdicts(trial: Trial) -> Iterator[Check]:
    for decision in trial.decisions:
        if "facts" in decision:
            yield Check(decision["at"], f"{decision['decision']} {decision['rule']}", _judged(trial, decision["facts"]))
        if "state" in decision:
            judged_by, found = decision["facts"]["evalues"], _evalues_of(trial, decision["state"])
            yield Check(f"{decision['at']}, e-values", _told(judged_by), _told(found))


def _judged(trial: Trial, raw: Json) -> str:
    facts = record.parse(raw, trial.rules)
    verdict = rules.turn(facts) if raw.get("won") else rules.judge(facts)
    return f"{type(verdict).__name__} {verdict.rule}" if verdict else "no verdict"


def _evalues_of(trial: Trial, state: Sequence[Json]) -> list[list[float]]:
    """For each measure the e-values for breach and proof that follow from a state."""
    measures = Evidence.begin(trial.rules.guardrails, trial.rules.objectives).stood_at(state)
    return [[rounded(measure.breach()), rounded(measure.proof())] for measure in measures]


def _told(evalues: list[list[float]]) -> str:
    return ", ".join(f"{breach:.6g} {proof:.6g}" for breach, proof in evalues)


def _evalues(trial: Trial) -> Iterator[Check]:
    for measure, raw in zip(Evidence.of(trial).measures, trial.evidence.get("measures", ()), strict=False):
        for name, found in (("breach", measure.breach()), ("proof", measure.proof())):
            yield Check(f"{measure.name}, {name}", f"{raw[name]:.6g}", f"{found:.6g}")
