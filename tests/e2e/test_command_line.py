"""The command line before a real cluster: it reads a live trial, judges it again, and foretells the next."""

import os
import subprocess
import sys
from pathlib import Path

from tests.e2e.models import Models
from tests.e2e.story import QUICK_TRIAL, Story

LONG_ENOUGH = "15s"  # at each share, for the rate of the traffic to be known


def contender(story: Story, *arguments: str) -> str:
    """What the command says, which must end well."""
    command = [str(Path(sys.executable).with_name("contender")), *arguments, "--namespace", story.scene.namespace]
    environment = {**os.environ, "KUBECONFIG": str(story.scene.cluster.kubeconfig)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{ended.returncode}: {ended.stdout}{ended.stderr}"
    return ended.stdout


def test_a_trial_in_the_cluster_is_judged_again_and_explained_and_the_next_is_foretold(
    story: Story, models: Models
) -> None:
    story.given(models.good_v1).serves(trial={**QUICK_TRIAL, "soak": LONG_ENOUGH})
    with story.traffic(rate=100):
        story.when().applies(models.good_v2)
        trial = story.then().promoted(models.good_v2)["metadata"]["name"]
    replayed = contender(story, "replay", trial)
    explained = contender(story, "explain", trial)
    planned = contender(story, "plan", story.scene.name)

    assert "Promote EveryGuardrailIsProved" in replayed
    assert "DISAGREES" not in replayed
    assert "proved no worse than 1.5 or under 0.05" in explained
    assert "The whole trial" in planned
