"""The command line before a real cluster: it foretells a trial from live traffic, and judges it again afterwards."""

import re
from pathlib import Path

from tests.e2e.labelling import contender
from tests.e2e.models import Models
from tests.e2e.story import QUICK_TRIAL, Story

LONG_ENOUGH = "15s"  # at each share, for the rate of the traffic to be known


def test_a_trial_in_the_cluster_is_foretold_judged_again_explained_and_drawn(
    story: Story, models: Models, tmp_path: Path
) -> None:
    story.given(models.good_v1).serves(trial={**QUICK_TRIAL, "soak": LONG_ENOUGH})
    with story.traffic(rate=100):
        before = contender(story, "plan", story.scene.name)
        story.when().applies(models.good_v2)
        trial = story.then().promoted(models.good_v2)["metadata"]["name"]
    replayed = contender(story, "replay", trial)
    picture = tmp_path / "trial.svg"
    explained = contender(story, "explain", trial, "--plot", str(picture))
    rate = re.search(r"With ([0-9.]+) requests/s, and of the champion: errors 0 %", before)

    assert rate is not None, before
    assert 80 <= float(rate[1]) <= 120
    assert "The whole trial" in before
    assert "Promote EveryGuardrailIsProved" in replayed
    assert "DISAGREES" not in replayed
    assert "proved no worse than 1.5 or under 0.05" in explained
    assert "left:" not in explained
    assert "EveryGuardrailIsProved" in picture.read_text()
