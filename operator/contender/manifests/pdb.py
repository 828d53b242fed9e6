"""The PodDisruptionBudget of a variant: a node drain takes its pods one by one."""

from typing import Any

from contender import names
from contender.api import ModelDeployment
from contender.intent import Intent
from contender.manifests.variant import metadata


def pdb(deployment: ModelDeployment, intent: Intent) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(deployment, intent),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": names.variant_selector(deployment.name, intent.hash)},
        },
    }
