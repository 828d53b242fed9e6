"""How many pods a variant needs, which Contender says only through the HPA's `minReplicas`."""

from math import ceil

from contender.api import Json, OnTimeout, Phase, Trial, seconds

HEADROOM = 1.2


def challenger_pods(trial: Trial, autoscaling: Json) -> int:
    """Pods for the share after the present one: ready before traffic moves, which is why they are asked for early."""
    return _within(ceil(trial.champion_replicas * _next_share(trial) / 100 * HEADROOM), autoscaling)


def champion_pods(trial: Trial | None, autoscaling: Json) -> int:
    """What it had when the trial began, so that going back finds full capacity; else the spec's."""
    return _within(0 if trial is None else trial.champion_replicas, autoscaling)


def _next_share(trial: Trial) -> int:
    following = trial.step + 1
    if trial.phase is Phase.PROMOTING or _promoted_by_timeout(trial):
        return 100
    return trial.rules.steps[following] if following < len(trial.rules.steps) else 100


def _promoted_by_timeout(trial: Trial) -> bool:
    return trial.rules.on_timeout is OnTimeout.PROMOTE and trial.judged_seconds >= seconds(trial.rules.timeout)


def _within(pods: int, autoscaling: Json) -> int:
    return int(min(max(pods, autoscaling["minReplicas"]), autoscaling["maxReplicas"]))
