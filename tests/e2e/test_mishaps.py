"""What breaks in mid-trial, and goes on."""

from tests.e2e import leader
from tests.e2e.models import Models
from tests.e2e.scene import exposures
from tests.e2e.story import Story


def test_a_trial_goes_on_from_the_stored_evidence_when_the_operator_is_killed(story: Story, models: Models) -> None:
    challenger = story.given(models.good_v1).is_challenged_by(models.good_v2, steps=[25, 50], soak="10s")
    restarts = leader.restarts(story.scene.cluster)
    with story.traffic(rate=100) as answers:
        before = story.then().has_evidence(200)
        story.when().kills_the_leader()
        after = story.then().has_evidence(exposures(before) + 100)
        story.then().promoted(models.good_v2)

    assert leader.restarts(story.scene.cluster) > restarts
    assert answers.failed() == []
    assert after["metadata"]["name"] == before["metadata"]["name"]
    assert after["status"]["startedAt"] == before["status"]["startedAt"]
    assert exposures(story.scene.trial()) <= len(answers.of(challenger))


def test_a_client_that_retries_once_notices_nothing_when_a_router_pod_is_killed(story: Story, models: Models) -> None:
    challenger = story.given(models.good_v1).is_challenged_by(models.good_v2)
    with story.traffic(rate=100, retry_after=1.0) as answers:
        story.then().has_evidence(50)
        pod = story.when().kills_a_router_pod()
        whole = story.then().the_router_is_whole(without=pod)
        after = story.then().is_answered(answers, since=whole, count=1000)

    assert answers.failed() == []
    assert abs(after.share(challenger) - 25) <= 5


def test_champion_and_share_are_restored_when_the_status_is_wiped(story: Story, models: Models) -> None:
    challenger = story.given(models.good_v1).is_challenged_by(models.good_v2)
    champion = story.scene.variant(models.good_v1.spec)
    with story.traffic(rate=100) as answers:
        before = story.then().has_evidence(50)
        story.when().wipes_the_status()
        story.then().has_the_share(models.good_v2, 25)
        after = story.then().has_evidence(exposures(before) + 50)

    assert answers.failed() == []
    assert answers.variants() == {champion, challenger}
    assert story.scene.status()["champion"]["variant"] == champion
    assert after["metadata"]["name"] == before["metadata"]["name"]
    assert after["status"]["since"] == before["status"]["since"]
