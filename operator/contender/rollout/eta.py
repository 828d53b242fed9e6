"""When a trial will be over: what was foretold when it began, and what is left now at the present rate. Pure.

The rate is what the routers counted between two points of the trial's series; the champion's bad shares are those of
the trial so far. So both are known some seconds after a trial began, often before the challenger has its first share.
"""

from itertools import compress
from typing import Any

from contender.api import Json, Trial, seconds
from contender.rollout.evidence import Evidence
from contender.rollout.forecast import Forecast, Traffic, bad_share, forecast, sentence
from contender.rollout.measure_evidence import MeasureEvidence
from contender.rollout.prospects import Sent

SPAN = 30.0  # seconds over which the rate is taken, or more when the points are farther apart
SHORTEST = 10.0  # seconds: less tells no rate
ENOUGH = 100  # requests to the champion before its bad share is worth a forecast


def told(trial: Trial, evidence: Evidence) -> Json:
    """`Trial.status.eta` after one more look; {} before a rate is known."""
    rate = requests_per_second(_by_routers(trial.series, evidence))
    if rate is None:
        return trial.eta
    foretold = trial.eta.get("foretold") or _foretold(trial, evidence, rate)
    if foretold is None:
        return trial.eta
    left = _left(trial, evidence, rate, foretold)
    remaining = {} if left is None else {"seconds": round(left), "requests": round(left * rate)}
    return {**remaining, "requestsPerSecond": float(f"{rate:.3g}"), "foretold": foretold}


def requests_per_second(series: tuple[Json, ...]) -> float | None:
    """Of both variants, lately; None while it cannot be told.

    Taken at the present share alone, and not before its first counts: what comes while it changes is not counted.
    """
    here = [point for point in series if point["share"] == series[-1]["share"]]
    counted = [point for point in here if _requests(point) > _requests(here[0])]
    if not counted:
        return None
    newest = counted[-1]
    oldest = next((point for point in reversed(counted) if newest["at"] - point["at"] >= SPAN), counted[0])
    passed, requests = newest["at"] - oldest["at"], _requests(newest) - _requests(oldest)
    return requests / passed if passed >= SHORTEST and requests > 0 else None


def labels_per_second(series: tuple[Json, ...], measure: int) -> Sent | None:
    """Of each variant, since the present share began, of the measure at that place; None while none have come."""
    here = [point for point in series if point["share"] == series[-1]["share"]]
    if len(here) < 2 or here[-1]["at"] - here[0]["at"] < SHORTEST:
        return None
    passed, (first, last) = here[-1]["at"] - here[0]["at"], (here[at]["measures"][measure] for at in (0, -1))
    theirs, ours = ((last[column] - first[column]) / passed for column in (1, 3))
    return Sent(theirs, ours) if min(theirs, ours) > 0 else None


def challenger_labels(series: tuple[Json, ...], measure: int) -> float | None:
    """The challenger's labels a second."""
    seen = labels_per_second(series, measure)
    return seen.ours if seen else None


def champion_traffic(evidence: Evidence, rate: float, series: tuple[Json, ...]) -> Traffic:
    """What the trial has seen of the champion."""
    bad = {measure.name: bad_share(measure.trial.champion) for measure in evidence.measures if not measure.timed}
    arriving = [
        (measure.name, labels_per_second(series, at))
        for at, measure in enumerate(evidence.measures)
        if measure.labelled
    ]
    times = {measure.name: measure.times.trial.champion for measure in evidence.measures if measure.timed}
    known = {name: seen for name, seen in times.items() if seen.all >= ENOUGH}
    return Traffic(rate, bad, known, {name: seen.theirs + seen.ours for name, seen in arriving if seen})


def _by_routers(series: tuple[Json, ...], evidence: Evidence) -> tuple[Json, ...]:
    """The series without what labels tell, which are no requests."""
    counted = [not measure.labelled for measure in evidence.measures]
    return tuple({**point, "measures": list(compress(point["measures"], counted))} for point in series)


def _requests(point: Json) -> float:
    """Of users: before the first share the challenger has at most copies of them."""
    live = 1 if point["share"] else 0
    return max((numbers[1] + live * numbers[3] for numbers in point["measures"]), default=0)


def _foretold(trial: Trial, evidence: Evidence, rate: float) -> dict[str, Any] | None:
    counted = (measure for measure in evidence.measures if not measure.labelled)
    if max((measure.trial.champion.exposures for measure in counted), default=0) < ENOUGH:
        return None
    known = forecast(trial.rules, champion_traffic(evidence, rate, trial.series))
    return {**_numbers(known), "inTime": known.in_time, "message": sentence(known, trial.rules)}


def _numbers(known: Forecast) -> dict[str, int]:
    told = {"seconds": known.seconds, "requests": known.requests, "lastRequests": known.steps[-1].requests}
    return {name: round(value) for name, value in told.items() if value is not None}


def _left(trial: Trial, evidence: Evidence, rate: float, foretold: Json) -> float | None:
    """Seconds; None when no proof is in sight."""
    soak, last = seconds(trial.rules.soak), len(trial.rules.steps) - 1
    soaking = max(0.0, soak - trial.soaked_seconds) if trial.step >= 0 else _shadowing(trial)
    proving = foretold["lastRequests"] / rate if "lastRequests" in foretold else None
    if trial.step < last:
        between = soak * (last - trial.step - 1)
        return None if proving is None else soaking + between + proving
    ours = rate * trial.rules.steps[last] / 100
    times = [
        _labelling(trial, at, measure) if measure.labelled else _proving(trial, measure, ours, proving)
        for at, measure in enumerate(evidence.measures)
    ]
    return None if None in times else max(soaking, *(time for time in times if time is not None))


def _proving(trial: Trial, measure: MeasureEvidence, ours: float, foretold: float | None) -> float | None:
    """Seconds to the proof of what the routers count, with so many requests a second to the challenger."""
    missing = measure.needed(trial.rules.confidence)
    return foretold if missing is None else missing / ours


def _labelling(trial: Trial, place: int, measure: MeasureEvidence) -> float | None:
    """Seconds until enough labels are here, as they come; None when that is not known."""
    missing, rate = measure.needed(trial.rules.confidence), challenger_labels(trial.series, place)
    if missing is None or (missing and rate is None):
        return None
    return missing / rate if rate else 0.0


def _shadowing(trial: Trial) -> float:
    """Seconds of shadow traffic that are left."""
    wanted = trial.rules.shadow
    return max(0.0, seconds(wanted.duration) - (trial.shadowed_seconds or 0.0)) if wanted else 0.0
