"""The operator has the rights that it uses, and no other: by the API server's own record of what it asked for."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import yaml

from tests.cluster import Cluster
from tests.e2e.leader import operator_away
from tests.e2e.models import Models
from tests.e2e.story import Story
from tests.installation import CHART, NAMESPACE, RELEASE, asked_since
from tests.rights import Right, granted, refused, used

# Asked of whoever makes an object that blocks its owner's deletion, where that is enforced: never a request of its own.
ASKED_BY_ADMISSION = {Right("contender.dev", "modeldeployments/finalizers", "update")}
KEEPS_ONE_TRIAL = {"historyLimit": 1}


def roles(cluster: Cluster) -> Iterator[dict[str, Any]]:
    """What the chart grants."""
    text = cluster.helm("template", RELEASE, str(CHART), "--namespace", NAMESPACE, "--show-only", "templates/rbac.yaml")
    return (
        manifest for manifest in yaml.safe_load_all(text) if manifest and manifest["kind"] in {"Role", "ClusterRole"}
    )


def of_namespace(events: list[dict[str, Any]], namespace: str) -> list[dict[str, Any]]:
    """The events without those of other tests' namespaces, which may be on their way out."""
    return [
        event for event in events if (event.get("objectRef") or {}).get("namespace") in {None, NAMESPACE, namespace}
    ]


def test_the_operator_uses_every_right_that_it_is_granted_and_misses_none(story: Story, models: Models) -> None:
    """From its first look at an empty Lease to the end of a second trial, whose predecessor is not kept."""
    cluster = story.scene.cluster
    began = datetime.now(UTC)
    with operator_away(cluster):
        cluster.kubectl("-n", NAMESPACE, "delete", "leases", "--all")
    story.given(models.good_v1).serves(trial={**story.spec["trial"], **KEEPS_ONE_TRIAL})
    with story.traffic(rate=100):
        for challenger in (models.good_v2, models.good_v3):
            story.when().applies(challenger)
            story.then().promoted(challenger)
    asked = of_namespace(asked_since(cluster, began), story.scene.namespace)

    assert refused(asked) == set()
    assert sorted(used(asked) - granted(roles(cluster))) == []
    assert sorted(granted(roles(cluster)) - used(asked)) == sorted(ASKED_BY_ADMISSION)
