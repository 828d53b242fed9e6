"""With Gateways, too, the operator has the rights that it uses, and no other."""

from datetime import UTC, datetime
from typing import Any

from tests.e2e.leader import operator_away
from tests.e2e.models import Models
from tests.e2e.scene import Scene
from tests.e2e.story import Story
from tests.e2e.test_used_rights import ASKS_FOR_LABELS, KEEPS_ONE_TRIAL
from tests.gateway import envoy_gateway
from tests.gateway.scene import TRAFFIC
from tests.installation import NAMESPACE, asked_since, roles
from tests.rights import ASKED_BY_ADMISSION, granted, refused, used

READ_ONLY = (envoy_gateway.NAMESPACE, envoy_gateway.GATEWAY_NAMESPACE)


def test_with_a_router_and_a_gateway_every_right_is_used_and_none_is_missed(story: Story, models: Models) -> None:
    """Two trials behind the router, whose rights are all the others, and a neighbour of it behind a Gateway."""
    scene, cluster = story.scene, story.scene.cluster
    began = datetime.now(UTC)
    with operator_away(cluster):
        cluster.kubectl("-n", NAMESPACE, "delete", "leases", "--all")
    story.given(models.good_v1).serves(traffic=TRAFFIC)
    routed = Story(Scene(cluster, scene.namespace, "routed"), story.stack)
    routed.given(models.good_v1).serves(trial=ASKS_FOR_LABELS)
    with routed.traffic(rate=100):
        routed.when().applies(models.good_v2)
        routed.then().says("LedgerIsSilent", within=120)
        routed.when().applies(models.good_v3, trial=KEEPS_ONE_TRIAL)
        routed.then().promoted(models.good_v3)
    asked = asked_since(cluster, began, scene.namespace, *READ_ONLY)

    assert refused(asked) == set()
    assert sorted(used(asked) - granted(roles(cluster))) == []
    assert sorted(granted(roles(cluster)) - used(asked)) == sorted(ASKED_BY_ADMISSION)


def of_others(events: list[dict[str, Any]]) -> set[str]:
    """Verbs by which the operator touched what belongs to the platform team."""
    return {event["verb"] for event in events if (event.get("objectRef") or {}).get("namespace") in READ_ONLY}


def test_what_belongs_to_the_platform_team_is_only_read(story: Story, models: Models) -> None:
    began = datetime.now(UTC)
    story.given(models.good_v1).serves()

    assert of_others(asked_since(story.scene.cluster, began)) == {"get", "list"}
