"""Condition types, the reasons that each may give, and when a condition changes its time.

Positive polarity only. `Reconciling` and `Stalled` follow kstatus: they are present only while True.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from contender.api import Json, rfc3339


class Type(StrEnum):
    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    CHAMPION_AVAILABLE = "ChampionAvailable"
    CHALLENGER_AVAILABLE = "ChallengerAvailable"
    TRAFFIC_SHIFTED = "TrafficShifted"
    TRIAL_PASSING = "TrialPassing"
    PROOF_FORESEEN = "ProofForeseen"
    QUALITY_KEPT = "QualityKept"


TRUE, FALSE, UNKNOWN = "True", "False", "Unknown"

# Allowed reasons beside each type. "*" stands for the name of the rule that spoke, or of the problem that was found.
REASONS: Mapping[Type, Mapping[str, tuple[str, ...]]] = {
    Type.READY: {
        TRUE: ("ChampionServes", "TrialRuns", "ChallengerRejected"),
        FALSE: ("Deploying", "ChampionUnavailable", "*"),
    },
    Type.RECONCILING: {TRUE: ("Deploying",)},
    Type.STALLED: {TRUE: ("*",)},
    Type.CHAMPION_AVAILABLE: {TRUE: ("PodsReady",), FALSE: ("NoChampion", "NoPodReady")},
    Type.CHALLENGER_AVAILABLE: {TRUE: ("PodsReady",), FALSE: ("NoPodReady", "*")},
    Type.TRAFFIC_SHIFTED: {TRUE: ("ShareObserved",), FALSE: ("ShareNotLive", "*"), UNKNOWN: ("RouterSilent",)},
    Type.TRIAL_PASSING: {TRUE: ("*",), FALSE: ("*",), UNKNOWN: ("*",)},
    Type.PROOF_FORESEEN: {TRUE: ("WithinTimeout",), FALSE: ("TimeoutTooShort",)},
    Type.QUALITY_KEPT: {
        TRUE: ("QualityIsKept",),
        FALSE: ("QualityIsBroken",),
        UNKNOWN: ("LabelsAreAwaited", "LedgerIsSilent"),
    },
}


@dataclass(frozen=True, slots=True)
class Condition:
    type: Type
    status: str
    reason: str
    message: str


def dump(
    conditions: Iterable[Condition], before: Iterable[Json], generation: int, now: datetime
) -> list[dict[str, Any]]:
    """Conditions as status carries them; the time of one moves only when its status does."""
    times = {old["type"]: (old["status"], old["lastTransitionTime"]) for old in before}
    return [_dump(condition, times.get(condition.type), generation, now) for condition in conditions]


def _dump(condition: Condition, before: tuple[str, str] | None, generation: int, now: datetime) -> dict[str, Any]:
    unchanged = before is not None and before[0] == condition.status
    return {
        "type": str(condition.type),
        "status": condition.status,
        "reason": condition.reason,
        "message": condition.message,
        "observedGeneration": generation,
        "lastTransitionTime": before[1] if before and unchanged else rfc3339(now),
    }
