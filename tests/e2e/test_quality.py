"""After a promotion the champion is watched, by labels that come later."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from contender.health import PORT
from tests.e2e.labelling import Digits, labeller
from tests.e2e.leader import holder
from tests.e2e.models import Models
from tests.e2e.story import Story
from tests.installation import NAMESPACE as SYSTEM
from tests.labelling import volume

WATCHED = {"window": "1m", "quality": [{"measure": "accuracy", "below": 0.2}]}


class Changing(Digits):
    """Digits that mean something else after the world has changed, until it is as it was."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = False

    def of(self, number: int) -> int:
        digit = super().of(number)
        return (digit + 1) % 10 if self.changed else digit


@pytest.fixture
def story(story: Story) -> Iterator[Story]:
    """With a volume for the ledger."""
    with volume(story.scene.cluster, story.scene.namespace):
        yield story


def series(story: Story, metric: str) -> dict[str, float]:
    """What the leader tells Prometheus of the ModelDeployment: the labels of each series, and its value."""
    path = f"/api/v1/namespaces/{SYSTEM}/pods/{holder(story.scene.cluster)}:{PORT}/proxy/metrics"
    told = story.scene.cluster.kubectl("get", "--raw", path)
    found = re.findall(rf"^{metric}{{(.*)}} (.*)$", told, re.MULTILINE)
    return {labels: float(value) for labels, value in found if f'namespace="{story.scene.namespace}"' in labels}


def reasons(story: Story) -> set[str]:
    """Of the Events of the ModelDeployment."""
    return {event["reason"] for event in story.scene.get("events")}


def test_a_champion_whose_labels_go_bad_is_told_and_again_once_they_are_good(
    story: Story, models: Models, tmp_path: Path
) -> None:
    digits = Changing()
    story.given(models.good_v2).serves(monitoring=WATCHED)
    with story.traffic(rate=100, body=digits) as answers, labeller(story, digits, answers, tmp_path).labelling():
        story.then().keeps_its_quality("True", "QualityIsKept", within=120)
        kept = story.scene.status()["quality"]
        digits.changed = True
        broken = story.then().keeps_its_quality("False", "QualityIsBroken", within=120)
        told = series(story, "contender_condition")
        wrong = series(story, "contender_wrong_share")
        ready = story.scene.condition("Ready")
        digits.changed = False
        story.then().keeps_its_quality("True", "QualityIsKept", within=180)

    (measure,) = kept["measures"]
    assert measure["high"] < 0.2
    assert kept["labelled"] >= 20
    assert kept["delaySeconds"] < 60
    assert "accuracy" in broken["message"]
    assert any('condition="QualityKept"' in labels and 'status="False"' in labels for labels in told)
    assert max(wrong.values()) > 0.2
    assert ready["status"] == "True"
    assert {"QualityIsKept", "QualityIsBroken"} <= reasons(story)
    assert answers.failed() == []
    assert story.scene.restarts() == {}
