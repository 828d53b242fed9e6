"""An upgrade of the chart in mid-trial: the operator's pods are new ones, the models' are not."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.cluster import Cluster
from tests.e2e.models import Models
from tests.e2e.scene import exposures
from tests.e2e.story import Story
from tests.installation import install


@contextmanager
def earlier_release(cluster: Cluster) -> Iterator[None]:
    """The operator's and the serving image are installed under other names, as those of an earlier release are."""
    earlier = {role: f"{cluster.images[role]}-earlier" for role in ("operator", "serving")}
    for role, name in earlier.items():
        cluster.node("ctr", "-n", "k8s.io", "images", "tag", "--force", cluster.images[role], name)
    install(cluster, earlier)
    try:
        yield
    finally:
        install(cluster)


def test_an_upgrade_in_mid_trial_restarts_no_model_pod_and_the_trial_goes_on(story: Story, models: Models) -> None:
    with earlier_release(story.scene.cluster):
        challenger = story.given(models.good_v1).is_challenged_by(models.good_v2, steps=[25, 50], soak="30s")
        champion = story.scene.variant(models.good_v1.spec)
        before = story.scene.pod_uids(champion) | story.scene.pod_uids(challenger)
        with story.traffic(rate=100) as answers:
            trial = story.then().has_evidence(200)
            install(story.scene.cluster)
            story.then().has_evidence(exposures(trial) + 100)
            after = story.scene.pod_uids(champion) | story.scene.pod_uids(challenger)
            promoted = story.then().promoted(models.good_v2)

    assert answers.failed() == []
    assert after == before
    assert story.scene.restarts() == {}
    assert promoted["metadata"]["name"] == trial["metadata"]["name"]
    assert promoted["status"]["startedAt"] == trial["status"]["startedAt"]
