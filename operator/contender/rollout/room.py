"""How large a Trial may grow, which each look writes whole: its history gets the room that the evidence leaves."""

from dataclasses import replace

from contender.api import Trial
from contender.rollout import decisions, series
from contender.rollout.series import size

LARGEST = 16_000  # bytes
REST = 3_400  # of it: names, rules, phase and times, and the API server's own notes of who wrote which field


def fitted(trial: Trial) -> Trial:
    """The trial with no more decisions and points than there is room for; what decisions leave is the points'."""
    told = 2 * size(trial.verdict or {})  # the message is there twice
    told += size(trial.sentences) + size(trial.eta) + size(trial.pairs)
    free = LARGEST - REST - size(trial.evidence) - size(trial.watches) - told
    kept = decisions.fitted(trial.decisions, free // 2)
    return replace(trial, decisions=kept, series=series.fitted(trial.series, free - size(kept)))
