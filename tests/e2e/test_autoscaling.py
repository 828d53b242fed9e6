"""Replica counts belong to the autoscaler."""

import time

from contender import names
from tests.e2e.models import Models
from tests.e2e.scene import Json
from tests.e2e.story import Story

EAGER = {
    "minReplicas": 1,
    "maxReplicas": 3,
    "metrics": [
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 40}}}
    ],
}


def owners_of_replicas(workload: Json) -> set[str]:
    fields = workload["metadata"]["managedFields"]
    return {each["manager"] for each in fields if "f:replicas" in each.get("fieldsV1", {}).get("f:spec", {})}


def test_a_loaded_variant_is_scaled_and_the_operator_leaves_replicas_alone(story: Story, models: Models) -> None:
    story.given(models.good_v1).serves(autoscaling=EAGER)
    variant = story.scene.variant(models.good_v1.spec)

    def workload() -> Json:
        (found,) = story.scene.get("deployments", "-l", f"{names.VARIANT}={variant}", "--show-managed-fields")
        return found

    def scaled() -> int:
        replicas: int = workload()["spec"]["replicas"]
        assert replicas > 1, f"{replicas} replicas"
        return replicas

    with story.traffic(rate=200) as answers:
        replicas = story.eventually(scaled)
        story.when().applies(models.good_v1, autoscaling={**EAGER, "maxReplicas": 4})
        story.then().the_edit_is_seen()
        story.then().answers(models.good_v1, answers, since=time.time(), count=1000)
        after = workload()

    assert after["spec"]["replicas"] >= replicas
    assert names.FIELD_MANAGER not in owners_of_replicas(after)
    assert answers.failed() == []
