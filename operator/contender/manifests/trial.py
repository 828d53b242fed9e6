"""The Trial object: who against whom and under which rules, as it begins; and its status, as it goes on."""

from typing import Any

from contender import names
from contender.api import Contestant, ModelDeployment, Trial, rfc3339
from contender.manifests.variant import owner_reference

COPIED = (
    "shadow", "steps", "soak", "guardrails", "objectives", "negligible", "confidence",
    "timeout", "onTimeout", "approval", "standby",
)  # fmt: skip


def trial(
    deployment: ModelDeployment,
    number: int,
    champion: Contestant,
    challenger: Contestant,
    champion_replicas: int,
    *,
    trusted: bool,
    stale: list[str],
) -> dict[str, Any]:
    """The Trial as it begins: all that comes later is its status."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": "Trial",
        "metadata": {
            "name": names.trial_name(deployment.name, number),
            "namespace": deployment.namespace,
            "labels": names.trial_labels(deployment.name),
            "ownerReferences": [owner_reference(deployment)],
        },
        "spec": {
            "modelDeployment": deployment.name,
            "champion": champion.dump(),
            "challenger": challenger.dump(),
            "championReplicas": champion_replicas,
            "trusted": trusted,
            "stale": stale,
            **{key: deployment.trial[key] for key in COPIED if key in deployment.trial},
        },
    }


def trial_status(deployment: ModelDeployment, known: Trial, share: int) -> dict[str, Any]:
    """The Trial's status, to be applied onto the version that it was decided on."""
    moments = {
        "since": known.since,
        "lookedAt": known.looked_at,
        "trafficAt": known.traffic_at,
        "startedAt": known.started_at,
        "endedAt": known.ended_at,
    }
    status = {
        "phase": str(known.phase),
        "step": known.step,
        "share": share,
        "judgedSeconds": round(known.judged_seconds, 3),
        "soakedSeconds": round(known.soaked_seconds, 3),
        "withdrawn": known.withdrawn,
        "championReplicas": known.champion_replicas,
        **({"shadowedSeconds": round(known.shadowed_seconds, 3)} if known.shadowed_seconds is not None else {}),
        **({"renewed": list(known.renewed)} if known.renewed else {}),
        "decisions": list(known.decisions),
        "evidence": known.evidence,
        **({"pairs": known.pairs} if known.pairs else {}),
        **({"series": list(known.series)} if known.series else {}),
        **({"sentences": list(known.sentences)} if known.sentences else {}),
        **({"eta": known.eta} if known.eta else {}),
        **({"watches": list(known.watches)} if known.watches else {}),
        **({"verdict": known.verdict, "message": known.verdict["message"]} if known.verdict else {}),
        **{key: rfc3339(when) for key, when in moments.items() if when is not None},
    }
    return {
        "apiVersion": names.API_VERSION,
        "kind": "Trial",
        "metadata": {"name": known.name, "namespace": deployment.namespace},
        "status": status,
    }
