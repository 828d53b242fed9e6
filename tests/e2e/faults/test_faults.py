"""A trial under live traffic goes on where it was, to the right verdict, whatever befalls it; and what that costs.

`make test-faults` strikes them all, and ends with a table of what was seen; `make test` strikes a few.
"""

import os
import time

import pytest

from tests.e2e.faults.faults import FAULTS, PATIENCE, RATE, TRIAL, Fault, Stage
from tests.e2e.faults.report import Outcome, Report
from tests.e2e.models import Models
from tests.e2e.scene import exposures, has_ended
from tests.e2e.story import Story

CHOSEN = [fault for fault in FAULTS if fault.short or "ALL_FAULTS" in os.environ]


@pytest.mark.parametrize("fault", CHOSEN, ids=[fault.name for fault in CHOSEN])
def test_a_good_challenger_is_promoted_in_the_trial_that_it_had(
    story: Story, models: Models, report: Report, fault: Fault
) -> None:
    story.given(models.good_v1).serves(autoscaling={"minReplicas": 2, "maxReplicas": 3}, trial=TRIAL)
    with story.traffic(rate=RATE, retry_after=1.0) as answers:
        story.when().applies(models.good_v2)
        stage = Stage(story, story.scene.variant(models.good_v1.spec), story.scene.variant(models.good_v2.spec))
        before = story.then().has_evidence(100)
        began = time.time()
        with fault.strike(stage):
            pass
        ended = time.time()
        if not has_ended(story.scene.trial()):  # some writes may get through
            story.then().has_evidence(exposures(story.scene.trial()) + 100, within=PATIENCE)
        recovered = time.time()
        after = story.then().promoted(models.good_v2, within=PATIENCE)
    failed, retried = answers.failed(), answers.retried()
    report.add(Outcome(fault.name, ended - began, recovered - ended, len(answers), len(failed), len(retried)))

    assert failed == []
    assert after["metadata"]["name"] == before["metadata"]["name"]
    assert after["status"]["startedAt"] == before["status"]["startedAt"]
