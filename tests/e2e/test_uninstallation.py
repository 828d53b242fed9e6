"""Uninstalling the chart takes only the operator away."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from contender import names
from tests.cluster import Cluster
from tests.e2e.models import Models
from tests.e2e.story import BUILT_IN, Story
from tests.installation import install, uninstall


@contextmanager
def uninstalled(cluster: Cluster) -> Iterator[None]:
    """The chart is not installed while the block runs."""
    uninstall(cluster)
    try:
        yield
    finally:
        install(cluster)


def test_a_model_goes_on_serving_and_can_be_deleted_after_the_chart_is_uninstalled(
    story: Story, models: Models
) -> None:
    story.given(models.good_v1).serves()

    with uninstalled(story.scene.cluster):
        with story.traffic(rate=100) as answers:
            story.then().is_answered(answers, since=time.time(), count=500)

        assert answers.failed() == []

        story.when().deletes_it()
        story.then().nothing_is_left()


def test_without_its_definitions_nothing_is_left_of_what_was_served(story: Story, models: Models) -> None:
    cluster = story.scene.cluster
    story.given(models.good_v1).serves()
    install(cluster, crds__keep="false")

    with uninstalled(cluster):
        story.then().nothing_is_left(BUILT_IN)
        definitions = cluster.kubectl("get", "customresourcedefinitions", "-o", "name")

    assert names.GROUP not in definitions
