"""Shadow traffic: copies of live requests, by which a challenger is judged before any user meets it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from contender.api import Json, Trial, seconds
from contender.observation import Recording, RouterPod
from contender.rollout import pairs
from contender.rollout.evidence import Evidence


def percent(trial: Trial) -> int:
    """How much of the live traffic is to be copied to the challenger now, in percent."""
    wanted = trial.rules.shadow
    return wanted.percent if wanted and trial.in_shadow else 0


def left(trial: Trial) -> float:
    """Seconds of shadow traffic that the trial still needs before its first share."""
    wanted = trial.rules.shadow
    if wanted is None or trial.step >= 0:
        return 0.0
    return max(0.0, seconds(wanted.duration) - (trial.shadowed_seconds or 0.0))


def absorb(
    trial: Trial, before: Evidence, pods: Iterable[RouterPod], recordings: Mapping[str, Sequence[Recording]]
) -> tuple[Evidence, Json]:
    """The evidence after one more look in the shadow, and `Trial.pairs`: what the routers counted of the challenger's
    copies and the champion's requests, and single requests that both answered.
    """
    variants = champion, challenger = trial.champion.variant, trial.challenger.variant
    after = before.absorb(seen_by(pods, trial), champion, challenger, 0)
    theirs, ours = (recordings.get(variant, ()) for variant in variants)
    found, joined = pairs.join(pairs.Joined.parse(trial.pairs), theirs, ours)
    mute = [variant for variant in variants if not recordings.get(variant)]
    missing = f"no server of variant {' and '.join(mute)} tells of single answers, as Contender's image does"
    counts = [pairs.count(found, measure.guardrail) for measure in after.measures]
    return after.absorb_pairs(counts), replace(joined, missing=missing if mute else None).dump()


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
