"""How many pods a variant needs, which Contender says only through the HPA's `minReplicas`."""

from math import ceil

from contender.api import ModelDeployment, OnTimeout, Trial, seconds
from contender.rollout.commands import given
from contender.rollout.trial import WON

HEADROOM = 1.2


def challenger_pods(trial: Trial, owner: ModelDeployment) -> int:
    """Pods for the share after the present one: ready before traffic moves, which is why they are asked for early."""
    return _within(ceil(trial.champion_replicas * _next_share(trial, owner) / 100 * HEADROOM), owner)


def champion_pods(trial: Trial | None, owner: ModelDeployment) -> int:
    """What it had when the trial began, so that going back finds full capacity; else the spec's."""
    return _within(0 if trial is None else trial.champion_replicas, owner)


def _next_share(trial: Trial, owner: ModelDeployment) -> int:
    following, shadow = trial.step + 1, trial.rules.shadow
    commanded = given(owner.annotations, trial).promote
    if commanded or trial.trusted or trial.phase in WON or _promoted_by_timeout(trial):
        return 100
    if shadow is not None and trial.step < 0:
        return max(shadow.percent, trial.rules.steps[0])
    return trial.rules.steps[following] if following < len(trial.rules.steps) else 100


def _promoted_by_timeout(trial: Trial) -> bool:
    return trial.rules.on_timeout is OnTimeout.PROMOTE and trial.judged_seconds >= seconds(trial.rules.timeout)


def _within(pods: int, owner: ModelDeployment) -> int:
    return int(min(max(pods, owner.autoscaling["minReplicas"]), owner.autoscaling["maxReplicas"]))
