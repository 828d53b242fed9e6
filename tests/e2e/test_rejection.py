"""A challenger that is worse is sent back, and stays sent back."""

import time

from tests.e2e.models import Models, requests
from tests.e2e.scene import moment
from tests.e2e.story import QUICK_TRIAL, Story
from tests.e2e.traffic import Turn
from tests.models import FAILING_PIXEL, OTHER_PIXEL

ANOTHER_SOAK = {**QUICK_TRIAL, "soak": "3s"}

DEFAULT_GUARDRAILS = [
    {"measure": "errors", "noWorseThan": 1.25, "below": 0.001},
    {"measure": "rejected", "noWorseThan": 1.25, "below": 0.001},
]


def test_a_failing_challenger_is_rejected_in_half_a_minute_and_its_traffic_ends_in_five_seconds(
    story: Story, models: Models
) -> None:
    challenger = story.given(models.failing_at_times).is_challenged_by(models.failing, guardrails=DEFAULT_GUARDRAILS)
    body = Turn(requests(), then=requests({OTHER_PIXEL: 0.01, FAILING_PIXEL: 0.10}))
    with story.traffic(rate=100, body=body) as answers:
        story.then().has_evidence(20)
        began = body.turns()
        trial = story.then().rejected(models.failing)
        story.then().is_answered(answers, since=time.time(), count=500)
    verdict = trial["status"]["verdict"]

    assert verdict["rule"] == "GuardrailIsBreached"
    assert "errors" in verdict["message"]
    assert moment(verdict["at"]) - began <= 30
    assert (answers.last_seen(challenger) or 0) - moment(verdict["at"]) <= 5


def test_a_challenger_that_refuses_what_the_champion_takes_is_rejected(story: Story, models: Models) -> None:
    story.given(models.good_v1).serves()
    with story.traffic(rate=100) as answers:
        story.when().applies(models.refusing)
        trial = story.then().rejected(models.refusing)

    assert trial["status"]["verdict"]["rule"] == "GuardrailIsBreached"
    assert "rejected" in trial["status"]["verdict"]["message"]
    assert {record.status for record in answers.failed()} == {400}


def test_a_rejected_model_is_not_tried_again_for_an_unrelated_edit(story: Story, models: Models) -> None:
    story.given(models.good_v1).serves()
    with story.traffic(rate=100) as answers:
        story.when().applies(models.refusing)
        trial = story.then().rejected(models.refusing)
        story.when().applies(models.refusing, autoscaling={"minReplicas": 1, "maxReplicas": 2}, trial=ANOTHER_SOAK)
        story.then().the_edit_is_seen()
        story.then().answers(models.good_v1, answers, since=time.time(), count=500)

    assert [each["metadata"]["name"] for each in story.scene.trials()] == [trial["metadata"]["name"]]
    assert story.scene.condition("Ready")["status"] == "True"
    assert story.scene.condition("TrialPassing")["status"] == "False"
