"""Whether a model is right is known late; then it decides."""

import re
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest

from contender import names
from tests.e2e.labelling import Digits, contender, labeller
from tests.e2e.models import Models
from tests.e2e.story import QUICK_TRIAL, Story
from tests.labelling import Labeller, volume

JUDGED_BY_LABELS = {
    **QUICK_TRIAL,
    "guardrails": [*QUICK_TRIAL["guardrails"], {"measure": "accuracy", "noWorseThan": 1.5, "below": 0.01}],
}
NEW_KEY = 300  # seconds before a key that was added is in force


@pytest.fixture
def story(story: Story) -> Iterator[Story]:
    """With a volume for the ledger."""
    with volume(story.scene.cluster, story.scene.namespace):
        yield story


def keys_of(labeller: Labeller) -> set[bytes]:
    """The keys that the receipts of sent labels name."""
    heads = (urlsafe_b64decode(str(record.receipt)[:8]) for record in labeller.sent)
    return {head[1:5] for head in heads}


def test_a_challenger_that_is_wrong_more_often_is_rejected_by_labels_that_come_late(
    story: Story, models: Models, tmp_path: Path
) -> None:
    digits = Digits()
    story.given(models.good_v1).serves(trial=JUDGED_BY_LABELS)
    with story.traffic(rate=100, body=digits) as answers:
        story.when().applies(models.mistaken)
        story.then().says("LabelsAreAwaited", within=120)
        with labeller(story, digits, answers, tmp_path).labelling():
            trial = story.then().rejected(models.mistaken, within=180)

    assert trial["status"]["verdict"]["rule"] == "GuardrailIsBreached"
    assert "accuracy" in trial["status"]["verdict"]["message"]
    assert answers.failed() == []
    assert story.scene.restarts() == {}


def test_a_better_challenger_waits_for_labels_and_is_promoted_when_they_prove_it(
    story: Story, models: Models, tmp_path: Path
) -> None:
    digits = Digits()
    story.given(models.good_v1).serves(trial=JUDGED_BY_LABELS)
    with story.traffic(rate=100, body=digits) as answers:
        story.when().applies(models.good_v2)
        waiting = story.then().says("LabelsAreAwaited", within=120)
        passing, ready = story.scene.condition("TrialPassing"), story.scene.condition("Ready")
        with labeller(story, digits, answers, tmp_path).labelling():
            story.then().promoted(models.good_v2, within=240)

    assert waiting["decision"] == "Hold"
    assert waiting["message"].startswith("waiting for labels")
    assert (passing["status"], ready["status"]) == ("Unknown", "True")
    assert answers.failed() == []


def test_a_ledger_that_is_killed_in_mid_trial_has_lost_no_label(story: Story, models: Models, tmp_path: Path) -> None:
    digits = Digits()
    story.given(models.good_v1).serves(trial=JUDGED_BY_LABELS)
    with story.traffic(rate=100, body=digits) as answers:
        story.when().applies(models.good_v2)
        story.then().has_the_share(models.good_v2, 25)
        labels = labeller(story, digits, answers, tmp_path)
        story.then().is_answered(answers, since=time.time(), count=1000)
        labels.sends()
        story.scene.kubectl("delete", "pod", f"{names.LEDGER}-0", "--grace-period=0", "--force")
        again = labels.sends_again()
        with labels.labelling():
            story.then().promoted(models.good_v2, within=240)

    assert len(labels.sent) >= 1000
    assert re.search(r"^0 labels taken, 0 replaced others, [0-9,]+ were known, 0 refused", again)
    assert answers.failed() == []


def test_a_key_that_is_rotated_in_mid_trial_refuses_no_label(story: Story, models: Models, tmp_path: Path) -> None:
    """It takes six minutes: so long a key is known before it is in force."""
    digits = Digits()
    story.given(models.good_v1).is_challenged_by(models.good_v2, guardrails=JUDGED_BY_LABELS["guardrails"])
    with story.traffic(rate=20, body=digits) as answers:
        labels = labeller(story, digits, answers, tmp_path)
        said = contender(story, "keys", "rotate")
        with labels.labelling():
            story.then().is_answered(answers, since=time.time(), count=20 * (NEW_KEY + 60), within=NEW_KEY + 120)
        last = labels.sends()
        listed = contender(story, "keys", "list")

    assert "added: a key in force from" in said
    assert "refused" not in last.replace(", 0 refused", "")
    assert len(keys_of(labels)) == 2
    assert listed.count("in force") == 2  # the column, and one key
    assert answers.failed() == []
