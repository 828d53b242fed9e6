"""A model that cannot serve is told with the reason and the mend, and the champion serves on."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from tests.cluster import Cluster
from tests.e2e.models import Models
from tests.e2e.scene import Scene
from tests.e2e.story import Story
from tests.namespaces import fresh_namespace


class Bad(NamedTuple):
    model: str  # of Models
    reason: str
    mend: str  # a part of the message that says what to do


TOO_LITTLE = {"memory": "32Mi"}  # for Python and ONNX Runtime alone

BAD = [
    Bad("not_there", "ModelNotFound", "check spec.model.uri"),
    Bad("of_another_digest", "DigestMismatch", "spec.model.digest"),
    Bad("of_an_unknown_format", "UnsupportedFormat", "write the model with contender_serving.bundle.write"),
    Bad("said_to_be_onnx", "FormatMismatch", "leave spec.model.format out"),
    Bad("truncated", "FileCorrupt", "upload"),
    Bad("too_large", "ModelTooLarge", "raise spec.resources.limits.memory"),
    Bad("never_ready", "GoldenMismatch", "golden"),
]


@pytest.fixture(scope="module")
def champion(contender: Cluster, models: Models) -> Iterator[Story]:
    """One champion for all bad challengers: each supersedes the one before."""
    with ExitStack() as stack, fresh_namespace(contender, "bad-models") as namespace:
        story = Story(Scene(contender, namespace), stack)
        story.given(models.good_v1).serves()
        yield story


@pytest.mark.parametrize("bad", BAD, ids=[bad.model for bad in BAD])
def test_a_challenger_that_cannot_serve_is_told_with_its_mend_and_the_champion_serves_on(
    champion: Story, models: Models, bad: Bad
) -> None:
    with champion.traffic(rate=20) as answers:
        champion.when().applies(getattr(models, bad.model))
        champion.then().stalled(bad.reason, bad.mend)

    assert answers.failed() == []
    assert answers.variants() == {champion.scene.variant(models.good_v1.spec)}
    assert champion.scene.condition("ChampionAvailable")["status"] == "True"


def test_an_image_that_cannot_be_pulled_is_told_with_its_mend_and_the_champion_serves_on(
    champion: Story, models: Models
) -> None:
    serving = champion.scene.variant(models.good_v1.spec)
    with champion.traffic(rate=20) as answers:
        champion.when().applies(models.good_v2, runtime={"image": "registry.invalid/nobody/server:1", "port": 8080})
        champion.then().stalled("ImageUnreadable", "name an image that the nodes can pull")

    assert answers.failed() == []
    assert answers.variants() == {serving}


def test_a_model_that_needs_more_memory_than_its_limit_is_told_so(story: Story, models: Models) -> None:
    story.when().applies(models.good_v1, resources={"requests": {"cpu": "50m", **TOO_LITTLE}, "limits": TOO_LITTLE})

    story.then().stalled("OutOfMemory", "raise spec.resources.limits.memory")


def test_a_model_that_comes_to_its_place_late_serves_without_an_edit(story: Story, models: Models) -> None:
    model, bring = models.late()
    story.when().applies(model)
    story.then().stalled("ModelNotFound", "upload the bundle there")
    bring()

    story.then().serves(model)
