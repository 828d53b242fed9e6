"""What befalls a trial under live traffic and takes a story to tell; `make test-faults` tells them all."""

import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from tests.cluster import Cluster, Failed
from tests.e2e import leader
from tests.e2e.faults import clock, node
from tests.e2e.faults.faults import PATIENCE, RATE, TRIAL, Stage, operators_killed
from tests.e2e.models import Models, requests
from tests.e2e.scene import Json, exposures, has_ended
from tests.e2e.story import Story
from tests.e2e.traffic import Turn
from tests.installation import asked_since
from tests.models import FAILING_PIXEL, OTHER_PIXEL

CRASHES = 30  # seconds of a challenger that crashes whenever it is back
HOUR = 3600  # seconds
GUARDED = [{"measure": "errors", "noWorseThan": 1.25, "below": 0.001}]


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


def test_a_clock_that_is_set_an_hour_ahead_and_back_neither_ends_a_trial_nor_stops_it(
    story: Story, models: Models
) -> None:
    """The soak is an hour long: by the operator's clock it is over at once."""
    cluster = story.scene.cluster
    with clock.settable(cluster):
        challenger = story.given(models.good_v1).is_challenged_by(models.good_v2, soak="1h")
        with story.traffic(rate=RATE) as answers:
            trial = story.then().has_evidence(50)
            for ahead in (HOUR, 0):
                clock.put_ahead(cluster, ahead)
                story.eventually(partial(clock.is_ahead, cluster, ahead), within=30)
                seen = exposures(story.scene.trial())
                trial = story.then().has_evidence(seen + 500, within=PATIENCE)
                assert not has_ended(trial)
            story.when().commands("promote", challenger)
            after = story.then().promoted(models.good_v2, within=PATIENCE)

    assert answers.failed() == []
    assert after["metadata"]["name"] == trial["metadata"]["name"]


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


def is_another(cluster: Cluster, frozen: str) -> None:
    assert leader.holder(cluster) != frozen, f"{frozen} holds the Lease still"


def is_write_of(event: Json, pod: str, until: datetime) -> bool:
    """Whether an audit event is a write by this pod that succeeded before a moment."""
    asked_by = event["user"].get("extra", {}).get("authentication.kubernetes.io/pod-name", [])
    written = event["verb"] not in {"get", "list", "watch"} and event["responseStatus"]["code"] < 300
    return pod in asked_by and written and datetime.fromisoformat(event["requestReceivedTimestamp"]) < until
