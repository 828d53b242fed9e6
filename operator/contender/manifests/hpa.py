"""The HPA of a variant: Contender speaks to it only by `minReplicas`, and leaves `replicas` alone."""

from typing import Any

from contender import names
from contender.api import ModelDeployment
from contender.intent import Intent
from contender.manifests.variant import metadata

CPU_AT_80_PERCENT = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
}


def hpa(deployment: ModelDeployment, intent: Intent, min_replicas: int) -> dict[str, Any]:
    autoscaling = deployment.autoscaling
    behavior = {"behavior": autoscaling["behavior"]} if "behavior" in autoscaling else {}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(deployment, intent),
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": names.variant_name(deployment.name, intent.hash),
            },
            "minReplicas": min_replicas,
            "maxReplicas": autoscaling["maxReplicas"],
            "metrics": autoscaling.get("metrics", [CPU_AT_80_PERCENT]),
            **behavior,
        },
    }
