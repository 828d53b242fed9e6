"""The operator has the rights that it uses, and no other: by the API server's own record of what it asked for."""

from datetime import UTC, datetime

import pytest

from tests.e2e.leader import operator_away
from tests.e2e.models import Models
from tests.e2e.story import QUICK_TRIAL, Story
from tests.gateway import scene as gateway
from tests.installation import NAMESPACE, asked_since, roles
from tests.rights import ASKED_BY_ADMISSION, granted, refused, used

KEEPS_ONE_TRIAL = {**QUICK_TRIAL, "historyLimit": 1}
BY_LABELS = {"measure": "accuracy", "noWorseThan": 1.5}
ASKS_FOR_LABELS = {**KEEPS_ONE_TRIAL, "guardrails": [*KEEPS_ONE_TRIAL["guardrails"], BY_LABELS]}


@pytest.mark.skipif(
    gateway.is_wanted(), reason="a Gateway leaves the router's rights unused: tests/gateway counts both"
)
def test_the_operator_uses_every_right_that_it_is_granted_and_misses_none(story: Story, models: Models) -> None:
    """From its first look at an empty Lease to the end of a second trial, whose predecessor, which waited for labels,
    is not kept.
    """
    cluster = story.scene.cluster
    began = datetime.now(UTC)
    with operator_away(cluster):
        cluster.kubectl("-n", NAMESPACE, "delete", "leases", "--all")
    story.given(models.good_v1).serves(trial=ASKS_FOR_LABELS)
    with story.traffic(rate=100):
        story.when().applies(models.good_v2)
        story.then().says("LedgerIsSilent", within=120)  # the operator has shown its token, to nobody: it has no volume
        story.when().applies(models.good_v3, trial=KEEPS_ONE_TRIAL)
        story.then().promoted(models.good_v3)
    asked = asked_since(cluster, began, story.scene.namespace)

    assert refused(asked) == set()
    assert sorted(used(asked) - granted(roles(cluster))) == []
    assert sorted(granted(roles(cluster)) - used(asked)) == sorted(ASKED_BY_ADMISSION)
