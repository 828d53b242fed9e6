"""Judging again: whether each change of verdict, and the e-values that stand, follow from what the Trial keeps. Pure.

A change of verdict keeps all that the rules knew; the rules are asked again. The e-values that stand are computed again
from the counts and the e-processes' state.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from contender.api import Json, Phase, Trial
from contender.rollout import record, rules
from contender.rollout.evidence import Evidence
from contender.rollout.findings import findings

REJECTION = frozenset({Phase.REJECTING, Phase.REJECTED})


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
    return (*_verdicts(trial), *_rejection(trial), *_evalues(trial))


def _verdicts(trial: Trial) -> Iterator[Check]:
    for decision in trial.decisions:
        if "facts" in decision:
            yield Check(decision["at"], f"{decision['decision']} {decision['rule']}", _judged(trial, decision["facts"]))


def _judged(trial: Trial, raw: Json) -> str:
    facts = record.parse(raw, trial.rules)
    verdict = rules.turn(facts) if raw.get("won") else rules.judge(facts)
    return f"{type(verdict).__name__} {verdict.rule}" if verdict else "no verdict"


def _rejection(trial: Trial) -> Iterator[Check]:
    """Evidence ends with a rejection: so those e-values that it was judged by are those of the state."""
    facts = trial.decisions[-1].get("facts") if trial.decisions else None
    if trial.phase in REJECTION and facts and not facts.get("won"):
        known = findings(_evidence(trial), trial.rules.confidence)
        judged_by, found = facts["evalues"], [[finding.breach, finding.proof] for finding in known]
        yield Check("e-values of the rejection", _told(judged_by), _told(found))


def _told(evalues: list[list[float]]) -> str:
    return ", ".join(f"{breach:.6g} {proof:.6g}" for breach, proof in evalues)


def _evidence(trial: Trial) -> Evidence:
    return Evidence.parse(trial.evidence, trial.rules.guardrails, trial.rules.objectives)


def _evalues(trial: Trial) -> Iterator[Check]:
    for measure, raw in zip(_evidence(trial).measures, trial.evidence.get("measures", ()), strict=False):
        for name, found in (("breach", measure.breach()), ("proof", measure.proof())):
            yield Check(f"{measure.name}, {name}", f"{raw[name]:.6g}", f"{found:.6g}")
