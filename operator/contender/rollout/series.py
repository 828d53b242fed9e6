"""The course of a trial in a few points: what `contender explain` draws, and where the traffic's rate is read from.

A point is `{at, share, measures}`: seconds since the trial began, percent, and for each measure the champion's and the
challenger's events and exposures over the trial, and log10 of its e-values for breach and proof. When there are too
many, every second goes; from then on new ones come half as often.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

from contender.api import Json
from contender.rollout.evalues import LARGEST
from contender.rollout.evidence import Evidence
from contender.rollout.measure_evidence import MeasureEvidence

POINTS = 200
ENCODER = json.JSONEncoder(separators=(",", ":"))
LEAST = 4  # so many are kept however little room there is

Series = tuple[Json, ...]


def point(evidence: Evidence, share: int, at: float) -> dict[str, Any]:
    """`share` in percent, `at` in seconds since the trial began."""
    return {"at": round(at), "share": share, "measures": [_numbers(measure) for measure in evidence.measures]}


def extended(series: Series, newest: Json) -> Series:
    """The series with one more look. The last point moves on until it is as far from the one before as all others are.

    What was seen at the old share stays when a new one begins.
    """
    newest = {**newest, "at": max(newest["at"], series[-1]["at"] if series else 0)}  # clocks may be set back
    moves_on = len(series) > 1 and series[-1]["share"] == newest["share"] and _is_near(series)
    return (*(series[:-1] if moves_on else series), newest)


def fitted(series: Series, room: int) -> Series:
    """At most `POINTS`, and no more than fit into so many bytes."""
    while len(series) > LEAST and (len(series) > POINTS or size(series) > room):
        series = _halved(series)
    return series


def size(value: Sequence[Json] | Sequence[str] | Json) -> int:
    """Bytes that a value takes in an object as the API server keeps it."""
    return len(ENCODER.encode(value))


def _halved(series: Series) -> Series:
    """Every second point, among them the first; and the last."""
    return (*series[:-1:2], series[-1])


def _is_near(series: Series) -> bool:
    spacing = series[1]["at"] - series[0]["at"]
    return bool(series[-1]["at"] - series[-2]["at"] < spacing)


def _numbers(measure: MeasureEvidence) -> list[float]:
    champion, challenger = measure.trial.champion, measure.trial.challenger
    evalues = (round(math.log10(max(evalue, 1 / LARGEST)), 2) for evalue in (measure.breach(), measure.proof()))
    return [champion.events, champion.exposures, challenger.events, challenger.exposures, *evalues]
