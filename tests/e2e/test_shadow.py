"""A challenger is rehearsed on copies of live requests before a user meets it."""

from tests.e2e.models import Models
from tests.e2e.story import QUICK_TRIAL, Story

REHEARSED = {**QUICK_TRIAL, "shadow": {"percent": 100, "duration": "12s"}}
ENDLESS = {**QUICK_TRIAL, "shadow": {"percent": 100, "duration": "1h"}}


def test_a_good_challenger_is_rehearsed_and_then_takes_its_shares(story: Story, models: Models) -> None:
    story.given(models.good_v1).serves(trial=REHEARSED)
    champion = story.scene.variant(models.good_v1.spec)
    with story.traffic(rate=100) as answers:
        story.when().applies(models.good_v2)
        story.then().says("ShadowGoesOn")
        rehearsed = answers.variants()
        trial = story.then().promoted(models.good_v2)

    assert rehearsed == {champion}
    assert answers.failed() == []
    assert answers.variants() == {champion, story.scene.variant(models.good_v2.spec)}
    assert trial["status"]["shadowedSeconds"] >= 12
    assert trial["status"]["pairs"]["number"] > 100
    assert "missing" not in trial["status"]["pairs"]


def test_a_bad_challenger_is_rejected_in_the_rehearsal_and_no_user_meets_it(story: Story, models: Models) -> None:
    story.given(models.good_v1).serves(trial=ENDLESS)
    with story.traffic(rate=100) as answers:
        story.when().applies(models.refusing)
        trial = story.then().rejected(models.refusing)

    assert trial["status"]["verdict"]["rule"] == "GuardrailIsBreached"
    assert "rejected" in trial["status"]["verdict"]["message"]
    assert trial["status"]["step"] == -1
    assert answers.failed() == []
    assert answers.variants() == {story.scene.variant(models.good_v1.spec)}
