"""Shadow traffic: copies of live requests, by which a challenger is judged before any user meets it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from contender.api import Json, Phase, Trial
from contender.observation import Recording, RouterPod
from contender.rollout import pairs
from contender.rollout.evidence import Evidence


def percent(trial: Trial) -> int:
    """How much of the live traffic is to be copied to the challenger now, in percent."""
    wanted = trial.rules.shadow
    return wanted.percent if wanted and trial.in_shadow and trial.phase is not Phase.PROMOTING else 0


def seen_by(pods: Iterable[RouterPod], trial: Trial) -> list[RouterPod]:
    """The router pods with the challenger's copies as its traffic; those that copy nothing are on no route of ours.

    They go by another uid, so that copies and live requests are never counted from the same cursor.
    """
    return [_seen_by(pod, trial) for pod in pods]


def paired(trial: Trial, evidence: Evidence, recordings: Mapping[str, Sequence[Recording]]) -> tuple[Evidence, Json]:
    """The evidence with the requests in it that both variants answered since the last look; and `Trial.pairs`."""
    variants = (trial.champion.variant, trial.challenger.variant)
    champion, challenger = (recordings.get(variant, ()) for variant in variants)
    found, joined = pairs.join(pairs.Joined.parse(trial.pairs), champion, challenger)
    mute = [variant for variant in variants if not recordings.get(variant)]
    missing = f"no server of variant {' and '.join(mute)} tells of single answers, as Contender's image does"
    counts = [pairs.count(found, measure.guardrail) for measure in evidence.measures]
    return evidence.absorb_pairs(counts), replace(joined, missing=missing if mute else None).dump()


def _seen_by(pod: RouterPod, trial: Trial) -> RouterPod:
    ours, theirs = trial.challenger.variant, trial.champion.variant
    counters = {theirs: pod.counters.get(theirs), ours: pod.shadows.get(ours)}
    return replace(
        pod,
        uid=f"{pod.uid}/shadow",
        route=pod.route if pod.route and pod.route.mirror else None,
        counters={variant: known for variant, known in counters.items() if known is not None},
    )
