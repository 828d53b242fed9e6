"""Silence is neither success nor failure."""

from tests.e2e.models import Models
from tests.e2e.scene import Json
from tests.e2e.story import Story


def test_without_traffic_the_trial_holds_with_its_reason_and_goes_on_when_traffic_comes(
    story: Story, models: Models
) -> None:
    story.given(models.good_v1).serves()
    story.when().applies(models.good_v2)
    verdict = story.then().says("NoTrafficArrives")

    def told() -> Json:  # the Trial is written first
        passing = story.scene.condition("TrialPassing")
        assert passing["reason"] == "NoTrafficArrives", f"TrialPassing is {passing}"
        return passing

    passing, ready = story.eventually(told), story.scene.condition("Ready")
    with story.traffic(rate=100):
        story.then().promoted(models.good_v2)

    assert verdict["decision"] == "Hold"
    assert passing["status"] == "Unknown"
    assert passing["reason"] == "NoTrafficArrives"
    assert ready["status"] == "True"
