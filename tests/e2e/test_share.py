"""The share that is wanted is the share that clients see."""

from tests.e2e.models import Models
from tests.e2e.scene import moment
from tests.e2e.story import Story


def test_two_thousand_requests_are_split_within_five_points_and_zero_weight_gets_nothing(
    story: Story, models: Models
) -> None:
    challenger = story.given(models.good_v1).is_challenged_by(models.good_v2)
    since = moment(story.scene.trial()["status"]["since"])
    with story.traffic(rate=250) as answers:
        split = story.then().is_answered(answers, since=since, count=2000)
        story.when().applies(models.good_v1)
        ended = moment(story.then().ended(models.good_v2, "Superseded")["status"]["endedAt"])
        story.then().answers(models.good_v1, answers, since=ended, count=500)

    assert abs(split.share(challenger) - 25) <= 5
    assert answers.failed() == []
