"""A challenger that is as good becomes champion, and nobody notices."""

from tests.e2e.models import Models
from tests.e2e.story import Story


def test_a_good_challenger_is_promoted_without_a_failed_request_and_without_a_restart(
    story: Story, models: Models
) -> None:
    story.given(models.good_v1).serves(autoscaling={"minReplicas": 2, "maxReplicas": 3})
    with story.traffic(rate=100) as answers:
        story.when().applies(models.good_v2)
        challenger = story.then().has_the_share(models.good_v2, 25)
        tried = story.scene.pod_uids(challenger)
        story.then().promoted(models.good_v2)
        kept = story.scene.pod_uids(challenger)

    assert answers.failed() == []
    assert story.scene.restarts() == {}
    assert tried <= kept
    assert answers.variants() == {challenger, story.scene.variant(models.good_v1.spec)}
