"""The wish changes while a trial runs."""

from tests.e2e.models import Models
from tests.e2e.scene import moment
from tests.e2e.story import QUICK_TRIAL, Story


def test_a_revert_ends_the_trial_and_touches_nothing_of_the_champion(story: Story, models: Models) -> None:
    challenger = story.given(models.good_v1).is_challenged_by(models.good_v2)
    champion = story.scene.variant(models.good_v1.spec)
    before = story.scene.pod_uids(champion)
    with story.traffic(rate=100) as answers:
        story.when().applies(models.good_v1)
        trial = story.then().ended(models.good_v2, "Superseded")
        story.then().serves(models.good_v1)
        story.then().answers(models.good_v1, answers, since=moment(trial["status"]["endedAt"]))
        story.then().is_gone(challenger)

    assert answers.failed() == []
    assert story.scene.restarts() == {}
    assert story.scene.pod_uids(champion) == before


def test_a_newer_wish_supersedes_the_trial_and_gets_its_own_after_it(story: Story, models: Models) -> None:
    story.given(models.good_v1).is_challenged_by(models.good_v2)
    with story.traffic(rate=100) as answers:
        story.when().applies(models.good_v3, trial=QUICK_TRIAL)
        story.then().promoted(models.good_v3)
    first, second = story.scene.trials()

    assert answers.failed() == []
    assert first["status"]["phase"] == "Superseded"
    assert moment(first["status"]["endedAt"]) <= moment(second["status"]["startedAt"])
    assert story.scene.variant(models.good_v1.spec) == second["spec"]["champion"]["variant"]
