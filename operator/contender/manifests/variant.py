"""The metadata that Contender's objects share."""

from typing import Any

from contender import names
from contender.api import ModelDeployment
from contender.intent import INTENT, Intent


def owner_reference(deployment: ModelDeployment) -> dict[str, Any]:
    return {
        "apiVersion": names.API_VERSION,
        "kind": "ModelDeployment",
        "name": deployment.name,
        "uid": deployment.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def metadata(deployment: ModelDeployment, intent: Intent) -> dict[str, Any]:
    """The metadata that the four objects of a variant share."""
    return {
        "name": names.variant_name(deployment.name, intent.hash),
        "namespace": deployment.namespace,
        "labels": names.variant_labels(deployment.name, intent.hash),
        "annotations": {INTENT: intent.annotation()},
        "ownerReferences": [owner_reference(deployment)],
    }
