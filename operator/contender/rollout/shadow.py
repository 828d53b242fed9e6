"""Shadow traffic: copies of live requests, by which a challenger is judged before any user meets it. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from contender.api import Phase, Trial
from contender.observation import RouterPod


def percent(trial: Trial) -> int:
    """How much of the live traffic is to be copied to the challenger now, in percent."""
    wanted = trial.rules.shadow
    return wanted.percent if wanted and trial.in_shadow and trial.phase is not Phase.PROMOTING else 0


def seen_by(pods: Iterable[RouterPod], trial: Trial) -> list[RouterPod]:
    """The router pods with the challenger's copies as its traffic; those that copy nothing are on no route of ours.

    They go by another uid, so that copies and live requests are never counted from the same cursor.
    """
    return [_seen_by(pod, trial) for pod in pods]


def _seen_by(pod: RouterPod, trial: Trial) -> RouterPod:
    ours, theirs = trial.challenger.variant, trial.champion.variant
    counters = {theirs: pod.counters.get(theirs), ours: pod.shadows.get(ours)}
    return replace(
        pod,
        uid=f"{pod.uid}/shadow",
        route=pod.route if pod.route and pod.route.mirror else None,
        counters={variant: known for variant, known in counters.items() if known is not None},
    )
