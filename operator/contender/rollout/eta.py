"""When a trial will be over: what was foretold when it began, and what is left now at the present rate. Pure.

The rate is what the routers counted between two points of the trial's series; the champion's bad shares are those of
the trial so far. So both are known some seconds after a trial began, often before the challenger has its first share.
"""

from typing import Any

from contender.api import Json, Trial, seconds
from contender.rollout.evidence import Evidence
from contender.rollout.forecast import Forecast, Traffic, bad_share, forecast, sentence

SPAN = 30.0  # seconds over which the rate is taken, or more when the points are farther apart
SHORTEST = 10.0  # seconds: less tells no rate
ENOUGH = 100  # requests to the champion before its bad share is worth a forecast


def told(trial: Trial, evidence: Evidence) -> Json:
    """`Trial.status.eta` after one more look; {} before a rate is known."""
    rate = requests_per_second(trial.series)
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


def champion_traffic(evidence: Evidence, rate: float) -> Traffic:
    """What the trial has seen of the champion."""
    bad = {measure.name: bad_share(measure.trial.champion) for measure in evidence.measures if not measure.timed}
    times = {measure.name: measure.times.trial.champion for measure in evidence.measures if measure.timed}
    return Traffic(rate, bad, {name: seen for name, seen in times.items() if seen.all >= ENOUGH})


def _requests(point: Json) -> float:
    """Of users: before the first share the challenger has at most copies of them."""
    live = 1 if point["share"] else 0
    return max((numbers[1] + live * numbers[3] for numbers in point["measures"]), default=0)


def _foretold(trial: Trial, evidence: Evidence, rate: float) -> dict[str, Any] | None:
    if max((measure.trial.champion.exposures for measure in evidence.measures), default=0) < ENOUGH:
        return None
    known = forecast(trial.rules, champion_traffic(evidence, rate))
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
    needed = [measure.needed(trial.rules.confidence) for measure in evidence.measures]
    ours = rate * trial.rules.steps[last] / 100
    times = [proving if missing is None else missing / ours for missing in needed]
    return None if None in times else max(soaking, *(time for time in times if time is not None))


def _shadowing(trial: Trial) -> float:
    """Seconds of shadow traffic that are left."""
    wanted = trial.rules.shadow
    return max(0.0, seconds(wanted.duration) - (trial.shadowed_seconds or 0.0)) if wanted else 0.0
