"""Services: a headless one for each variant, which the router resolves to pods, and the entry that clients call."""

from typing import Any

from contender import names
from contender.api import ModelDeployment
from contender.intent import Intent
from contender.manifests.variant import metadata, owner_reference


def variant_service(deployment: ModelDeployment, intent: Intent) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(deployment, intent),
        "spec": {
            "clusterIP": "None",
            "selector": names.variant_selector(deployment.name, intent.hash),
            "ports": [{"name": "http", "port": intent.port, "targetPort": intent.port}],
        },
    }


def entry_service(deployment: ModelDeployment, champion: str, port: int) -> dict[str, Any]:
    """The Service `<name>`: its pods are the router's, its target port is this ModelDeployment's listener."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": deployment.name,
            "namespace": deployment.namespace,
            "labels": names.entry_labels(deployment.name),
            "annotations": {names.CHAMPION: champion},
            "ownerReferences": [owner_reference(deployment)],
        },
        "spec": {
            "selector": names.router_selector(),
            "ports": [{"name": "http", "port": 80, "targetPort": port}],
        },
    }
