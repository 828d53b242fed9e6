"""People steer a trial by annotations, and go back after a promotion."""

from tests.e2e.models import Models, requests
from tests.e2e.scene import moment
from tests.e2e.story import QUICK_TRIAL, Story
from tests.models import FAILING_PIXEL


def test_a_trial_is_paused_and_promoted_by_hand_without_a_failed_request(story: Story, models: Models) -> None:
    challenger = story.given(models.good_v1).is_challenged_by(models.good_v2)
    with story.traffic(rate=100) as answers:
        story.when().commands("pause", "true")
        story.then().says("TrialIsPaused")
        story.when().commands("promote", "0badcafe")
        refusal = story.then().is_told("promote", "Refused")
        story.when().commands("promote", challenger)
        story.then().is_told("promote", "Accepted")
        story.when().commands("pause", "false")
        trial = story.then().promoted(models.good_v2)

    assert challenger in refusal
    assert trial["status"]["verdict"]["rule"] == "PromotionIsCommanded"
    assert answers.failed() == []
    assert story.scene.restarts() == {}


def test_a_champion_that_fails_after_its_promotion_gives_the_traffic_back(story: Story, models: Models) -> None:
    story.given(models.good_v1).serves()
    with story.traffic(rate=100, body=requests({FAILING_PIXEL: 0.0})) as before:
        story.when().applies(models.failing, trial={**QUICK_TRIAL, "standby": "10m"})
        story.then().stands_by(models.good_v1)
    with story.traffic(rate=100, body=requests({FAILING_PIXEL: 0.2})) as after:
        trial = story.then().rejected(models.failing)
        story.then().serves(models.good_v1)
        story.then().answers(models.good_v1, after, since=moment(trial["status"]["endedAt"]))

    assert before.failed() == []
    assert trial["status"]["verdict"]["rule"] == "GuardrailIsBreached"
    assert "since promotion" in trial["status"]["verdict"]["message"]
    assert story.scene.restarts() == {}
