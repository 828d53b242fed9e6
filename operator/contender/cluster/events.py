"""Kubernetes Events on a ModelDeployment, for people."""

import uuid
from datetime import datetime
from typing import Any

from contender import names
from contender.api import ModelDeployment, rfc3339

LONGEST = 1024  # bytes that the API server takes as a message


def event(owner: ModelDeployment, kind: str, reason: str, message: str, now: datetime) -> dict[str, Any]:
    """`kind` is Normal or Warning."""
    when = rfc3339(now)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{owner.name}.{uuid.uuid4().hex[:16]}", "namespace": owner.namespace},
        "involvedObject": {
            "apiVersion": names.API_VERSION,
            "kind": "ModelDeployment",
            "namespace": owner.namespace,
            "name": owner.name,
            "uid": owner.uid,
        },
        "type": kind,
        "reason": reason,
        "message": message if len(message) <= LONGEST else message[: LONGEST - 1] + "…",
        "source": {"component": names.FIELD_MANAGER},
        "firstTimestamp": when,
        "lastTimestamp": when,
        "count": 1,
    }
