"""A trial under live traffic goes on where it was, to the right verdict, whatever befalls it; and what that costs.

`make test-faults` strikes them all, and ends with a table of what was seen; without ALL_FAULTS only a few.
"""

import os
import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from tests.cluster import Cluster, Failed
from tests.e2e import leader
from tests.e2e.faults import node
from tests.e2e.faults.faults import FAULTS, Fault, Stage, operators_killed
from tests.e2e.faults.report import Outcome, Report
from tests.e2e.models import Models, requests
from tests.e2e.scene import Json, exposures
from tests.e2e.story import QUICK_TRIAL, Story
from tests.e2e.traffic import Turn
from tests.installation import asked_since
from tests.models import FAILING_PIXEL, OTHER_PIXEL

CHOSEN = [fault for fault in FAULTS if fault.short or "ALL_FAULTS" in os.environ]
TRIAL: Json = {**QUICK_TRIAL, "steps": [25, 50], "soak": "10s"}
RATE = 100
PATIENCE = 240  # seconds
CRASHES = 30  # seconds of a challenger that crashes whenever it is back
GUARDED = [{"measure": "errors", "noWorseThan": 1.25, "below": 0.001}]


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


def test_a_bad_challenger_is_rejected_though_nobody_watched_when_it_began_to_fail(story: Story, models: Models) -> None:
    """It fails while both operators are dead; whoever comes back finds out, and says so."""
    body = Turn(requests(), then=requests({OTHER_PIXEL: 0.01, FAILING_PIXEL: 0.30}))
    challenger = story.given(models.failing_at_times).is_challenged_by(models.failing, guardrails=GUARDED)
    stage = Stage(story, story.scene.variant(models.failing_at_times.spec), challenger)
    with story.traffic(rate=RATE, body=body) as answers:
        story.then().has_evidence(20)
        with operators_killed(stage):
            body.turns()
        trial = story.then().rejected(models.failing, within=PATIENCE)

    assert trial["status"]["verdict"]["rule"] == "GuardrailIsBreached"
    assert "errors" in trial["status"]["verdict"]["message"]
    assert {record.status for record in answers.failed()} == {500}


def test_a_leader_that_was_frozen_writes_nothing_after_another_took_over(story: Story, models: Models) -> None:
    """SIGSTOP until its Lease has run out, then SIGCONT: by the API server's record it writes nothing until it ends."""
    cluster = story.scene.cluster
    story.given(models.good_v1).is_challenged_by(models.good_v2, steps=[25, 50], soak="10s")
    with story.traffic(rate=RATE) as answers:
        story.then().has_evidence(50)
        frozen = leader.holder(cluster)
        node.signal(cluster, frozen, "STOP")
        try:
            story.eventually(lambda: is_another(cluster, frozen), within=60)
        finally:
            woken = datetime.now(UTC)
            node.signal(cluster, frozen, "CONT")
        ended = story.eventually(lambda: leader.began_anew(cluster, frozen, woken), within=60)
        story.then().promoted(models.good_v2, within=PATIENCE)

    assert answers.failed() == []
    assert [event["requestURI"] for event in asked_since(cluster, woken) if is_write_of(event, frozen, ended)] == []


def test_a_challenger_that_has_no_room_waits_and_goes_on_when_it_has(story: Story, models: Models) -> None:
    story.given(models.good_v1).serves(trial=TRIAL)
    pods = len(story.scene.get("pods"))
    story.scene.kubectl("create", "quota", "full", f"--hard=pods={pods}")
    with story.traffic(rate=RATE) as answers:
        story.when().applies(models.good_v2)
        story.then().stalled("FailedCreate", "exceeded quota")
        story.scene.kubectl("delete", "quota", "full")
        story.then().promoted(models.good_v2, within=PATIENCE)

    assert answers.failed() == []


def test_a_challenger_that_crashes_on_trial_takes_nothing_of_the_champion_with_it(story: Story, models: Models) -> None:
    challenger = story.given(models.good_v1).is_challenged_by(models.good_v2)
    with story.traffic(rate=RATE, retry_after=1.0) as answers:
        story.then().has_evidence(50)
        crashed = time.time()
        while time.time() < crashed + CRASHES:
            for pod in story.scene.pods(challenger):
                with suppress(Failed):  # between two lives
                    node.signal(story.scene.cluster, pod["metadata"]["name"], "KILL")
        story.when().applies(models.good_v3, trial=TRIAL)
        story.then().promoted(models.good_v3, within=PATIENCE)

    assert answers.of(story.scene.variant(models.good_v1.spec)).failed() == []


def test_a_namespace_that_is_deleted_in_mid_trial_is_gone_in_a_minute(story: Story, models: Models) -> None:
    story.given(models.good_v1).is_challenged_by(models.good_v2)
    with story.traffic(rate=RATE):
        story.then().has_evidence(50)
    story.scene.cluster.kubectl("delete", "namespace", story.scene.namespace, "--timeout=120s")

    found = story.scene.cluster.kubectl("get", "namespace", story.scene.namespace, "--ignore-not-found")
    assert found == ""


def has_ended(trial: Json) -> bool:
    return "endedAt" in trial["status"]


def is_another(cluster: Cluster, frozen: str) -> None:
    assert leader.holder(cluster) != frozen, f"{frozen} holds the Lease still"


def is_write_of(event: Json, pod: str, until: datetime) -> bool:
    """Whether an audit event is a write by this pod that succeeded before a moment."""
    asked_by = event["user"].get("extra", {}).get("authentication.kubernetes.io/pod-name", [])
    written = event["verb"] not in {"get", "list", "watch"} and event["responseStatus"]["code"] < 300
    return pod in asked_by and written and datetime.fromisoformat(event["requestReceivedTimestamp"]) < until
