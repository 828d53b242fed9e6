"""Deleting a ModelDeployment leaves nothing behind."""

from tests.e2e.leader import operator_away
from tests.e2e.models import Models
from tests.e2e.story import Story


def test_deletion_in_mid_trial_leaves_nothing_behind(story: Story, models: Models) -> None:
    story.given(models.good_v1).is_challenged_by(models.good_v2)
    story.when().deletes_it()

    story.then().nothing_is_left()


def test_deletion_leaves_nothing_behind_while_the_operator_is_down(story: Story, models: Models) -> None:
    story.given(models.good_v1).serves()

    with operator_away(story.scene.cluster):
        story.when().deletes_it()
        story.then().nothing_is_left()
