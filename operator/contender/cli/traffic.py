"""What traffic a forecast is made for: as it was given by hand, else as it was seen."""

from dataclasses import dataclass

from contender.api import Measure, Trial, TrialRules
from contender.cli.unusable import Unusable
from contender.rollout.eta import champion_traffic
from contender.rollout.evidence import Evidence
from contender.rollout.forecast import Traffic

ASK = "give --rps, requests a second, and --error-rate, the champion's share of errors such as 0.004"


@dataclass(frozen=True, slots=True)
class Given:
    """By hand."""

    requests: float | None
    errors: float | None
    shares: tuple[str, ...]  # `<measure>=<share>`


def of_trial(trial: Trial) -> Traffic | None:
    """What a trial has seen; None when it saw too little."""
    rate = trial.eta.get("requestsPerSecond")
    evidence = Evidence.of(trial)
    return champion_traffic(evidence, rate, trial.series) if rate else None


def wanted(rules: TrialRules, given: Given, seen: Traffic | None) -> Traffic:
    """What is neither given nor seen of a measure is taken for 0. Raises Unusable when there is no rate."""
    requests = given.requests if given.requests is not None else seen.requests if seen else None
    if requests is None:
        raise Unusable(f"no traffic of it is known: {ASK}")
    measures = Evidence.begin(rules.guardrails, rules.objectives).measures
    names = [measure.name for measure in measures if not measure.timed]
    shares = {**dict.fromkeys(names, 0.0), **(seen.bad if seen else {}), **_by_hand(given, names)}
    known = {name: shares[name] for name in names}
    return Traffic(requests, known, seen.times, seen.labels) if seen else Traffic(requests, known)


def _by_hand(given: Given, names: list[str]) -> dict[str, float]:
    shares = dict(map(_share, given.shares))
    if given.errors is not None:
        shares[str(Measure.ERRORS)] = given.errors
    unknown = shares.keys() - {*names, str(Measure.ERRORS)}
    if unknown:
        raise Unusable(f"the trial does not judge {', '.join(sorted(unknown))}: it judges {', '.join(names)}")
    as_objectives = {f"objective {name}": share for name, share in shares.items()}
    return {**as_objectives, **shares}


def _share(text: str) -> tuple[str, float]:
    name, _, share = text.rpartition("=")
    try:
        return name, float(share)
    except ValueError:
        raise Unusable(f"--rate {text!r} is no share: write 'latency over 250ms=0.01'") from None
