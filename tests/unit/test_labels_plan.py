"""Labels that come late, on the simulated world: who is wrong more often is sent back, who is not is promoted."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from contender import names
from contender.api import Phase, Trial
from contender.cli import tables, traffic
from contender.measure import Silent
from contender.observation import Labels, Problem
from contender.reconcile import with_labels
from contender.rollout.forecast import forecast
from contender.rollout.labels import Question
from contender.rollout.replay import replay
from contender.rollout.room import LARGEST
from tests.unit.test_series import after_a_week, whole
from tests.unit.world import World

ERRORS = {"measure": "errors", "noWorseThan": 1.25, "below": 0.001}
ACCURACY = {"measure": "accuracy", "noWorseThan": 1.5}
QUICK: dict[str, Any] = {"guardrails": [ERRORS, ACCURACY]}


def serving(**trial: Any) -> tuple[World, str, str]:
    """A world on whose challenger labels will decide; champion's and challenger's hash."""
    world = World(lag=0.0, rate=100.0)
    champion = world.apply("1")
    world.run(30, until="Idle")
    challenger = world.apply("2", **{**QUICK, **trial})
    world.wrong = {champion: 0.1, challenger: 0.1}
    return world, champion, challenger


def rule(world: World) -> str:
    return str((world.newest_trial.verdict or {})["rule"])


def message(world: World) -> str:
    return str((world.newest_trial.verdict or {})["message"])


def condition(world: World, kind: str) -> tuple[str, str]:
    found = {c["type"]: (c["status"], c["reason"]) for c in world.status["conditions"]}
    return found[kind]


def events(world: World, reason: str) -> list[str]:
    return [event.message for plan in world.history for event in plan.events if event.reason == reason]


def test_without_a_label_the_trial_holds_at_its_last_step_and_says_what_it_waits_for() -> None:
    world, champion, _ = serving()
    world.run(300)

    assert world.newest_trial.phase is Phase.HOLDING
    assert rule(world) == "LabelsAreAwaited"
    assert message(world).startswith("waiting for labels: none of the challenger's has come yet")
    assert condition(world, "TrialPassing") == ("Unknown", "LabelsAreAwaited")
    assert condition(world, "Ready") == ("True", "TrialRuns")
    assert world.status["champion"]["variant"] == champion


def test_without_a_label_no_timeout_ends_the_trial() -> None:
    world, _, _ = serving(timeout="4m", onTimeout="Promote")
    world.run(300)

    assert rule(world) == "LabelsAreAwaited"
    assert world.newest_trial.judged_seconds < 240


def test_a_challenger_that_labels_show_to_be_as_right_is_promoted_when_they_are_here() -> None:
    world, _, challenger = serving()
    world.delay = 120
    world.run(60)
    waited = rule(world)
    world.run(600, until="Idle")

    assert waited == "LabelsAreAwaited"
    assert world.status["champion"]["variant"] == challenger
    assert rule(world) == "EveryGuardrailIsProved"
    assert "accuracy" in message(world)
    assert "labels" in message(world)


def test_a_challenger_with_as_few_errors_that_is_wrong_more_often_is_rejected_by_late_labels() -> None:
    world, champion, challenger = serving()
    world.delay, world.wrong[challenger] = 120, 0.25
    world.run(600, until="Idle")

    assert world.newest_trial.phase is Phase.REJECTED
    assert rule(world) == "GuardrailIsBreached"
    assert "accuracy" in message(world)
    assert world.status["champion"]["variant"] == champion


def test_an_objective_of_labels_waits_and_never_rejects() -> None:
    world, _, challenger = serving(guardrails=[ERRORS], objectives=[{"measure": "accuracy", "better": True}])
    world.delay, world.wrong[challenger] = 30, 0.25
    world.run(300)

    assert rule(world) == "LabelsAreAwaited"
    assert "no proof in sight" in message(world)


def test_a_better_challenger_is_promoted_once_labels_prove_it() -> None:
    world, _, challenger = serving(guardrails=[ERRORS], objectives=[{"measure": "accuracy", "better": True}])
    world.delay, world.wrong[challenger] = 30, 0.05
    world.run(600, until="Idle")

    assert world.status["champion"]["variant"] == challenger


def test_how_many_labels_are_missing_and_when_they_will_be_here_is_said() -> None:
    world, _, _ = serving(guardrails=[ERRORS, {"measure": "accuracy", "noWorseThan": 1.05}])
    world.delay = 20
    world.run(120)

    assert rule(world) == "LabelsAreAwaited"
    assert " of about " in message(world)
    assert "ETA " in message(world)
    assert "ETA unknown" not in message(world)
    assert world.newest_trial.eta["seconds"] > 0


def test_labels_that_come_when_the_traffic_has_stopped_still_decide() -> None:
    world, _, challenger = serving()
    world.delay = 400
    world.run(150)
    world.rate = 0.0
    world.run(400, until="Idle")

    assert world.status["champion"]["variant"] == challenger


def test_labels_for_one_variant_more_than_for_the_other_hold_the_trial_and_decide_nothing() -> None:
    world, champion, challenger = serving()
    world.delay, world.coverage[challenger], world.wrong[challenger] = 5, 0.5, 0.5
    world.run(200)

    assert rule(world) == "LabelsAreUneven"
    assert names.ABORT in message(world)
    assert events(world, "LabelsAreUneven")
    assert world.status["champion"]["variant"] == champion
    assert world.newest_trial.evidence["dropped"]["uneven"] > 0


def test_labels_that_were_sent_for_one_variant_first_are_evidence_once_the_other_s_are_here() -> None:
    world, champion, challenger = serving(soak="40s")
    world.delay = 5
    world.run(40)
    late = timedelta(seconds=300)
    world.batches = [replace(each, due=each.due + late * (each.variant == champion)) for each in world.batches]
    world.run(10)
    held = rule(world)
    world.run(600, until="Idle")

    assert held == "LabelsAreUneven"
    assert world.status["champion"]["variant"] == challenger


def test_a_silent_ledger_holds_the_trial_and_the_champion_serves_on() -> None:
    world, champion, challenger = serving()
    world.delay, world.silence = 5, "it is away"
    world.run(100)
    held = rule(world)
    world.silence = None
    world.run(400, until="Idle")

    assert held == "LedgerIsSilent"
    assert "no labels from the ledger: it is away" in events(world, "LedgerIsSilent")[0]
    assert world.served[champion] > 0
    assert world.status["champion"]["variant"] == challenger


def test_the_ledger_is_asked_every_ten_seconds_and_only_where_labels_are_judged() -> None:
    world, _, _ = serving(soak="1h")
    world.delay = 5
    world.run(50)
    without, _, _ = serving(soak="1h", guardrails=[ERRORS])
    without.run(50)

    assert 7 <= world.questions <= 11
    assert without.questions == 0
    assert "ledger" not in without.newest_trial.evidence


def test_each_share_has_its_own_window_and_none_lasts_into_the_next_share() -> None:
    world, _, _ = serving(guardrails=[ERRORS, {"measure": "accuracy", "noWorseThan": 1.05}])
    world.delay = 20
    world.run(60)
    windows = world.newest_trial.evidence["ledger"]["windows"]

    assert [window["share"] for window in windows] == [5, 25, 50]
    assert all(before["until"] <= after["since"] for before, after in pairwise(windows))
    assert "until" not in windows[-1]


def test_the_last_window_ends_with_the_promotion_and_the_standby_asks_for_no_labels() -> None:
    world, _, _ = serving(standby="1h")
    world.delay = 5
    world.run(400, until="Standby")
    asked = world.questions
    world.run(50)

    assert "until" in world.newest_trial.evidence["ledger"]["windows"][-1]
    assert world.questions == asked
    assert [watch["name"] for watch in world.newest_trial.watches] == ["errors"]


def test_a_challenger_without_pods_ends_the_window_and_begins_another_when_they_are_back() -> None:
    world, _, challenger = serving(soak="1h")
    world.run(20)
    world.broken[challenger] = Problem("ServerCrashes", "it ended")
    world.run(3)
    world.broken.clear()
    world.run(10)
    windows = world.newest_trial.evidence["ledger"]["windows"]

    assert [window["share"] for window in windows] == [5, 5]
    assert windows[0]["until"] < windows[1]["since"]


@pytest.mark.parametrize("wrong", [0.1, 0.3])
def test_every_verdict_of_labels_follows_from_what_was_kept(wrong: float) -> None:
    world, _, challenger = serving()
    world.delay, world.wrong[challenger] = 60, wrong
    world.run(600, until="Idle")
    checks = replay(Trial.parse(json.loads(json.dumps(whole(world)))))

    assert len(checks) > 4
    assert [check for check in checks if not check.agrees] == []


def test_an_operator_that_begins_anew_goes_on_with_the_same_evidence() -> None:
    world, _, _ = serving()
    world.delay = 20
    world.run(100)
    raw = json.loads(json.dumps(whole(world)))

    assert Trial.parse(raw).evidence == world.newest_trial.evidence


def test_a_trial_of_before_there_were_labels_is_read() -> None:
    world, _, _ = serving(guardrails=[ERRORS], soak="1h")
    world.run(20)
    raw = json.loads(json.dumps(whole(world)))
    raw["spec"]["negligible"] = {"errors": 0.001, "rejected": 0.001, "latency": 0.001}

    assert Trial.parse(raw).rules.guardrails[0].below == 0.001
    assert "ledger" not in raw["status"]["evidence"]


def test_a_trial_with_eight_guardrails_of_which_seven_are_of_labels_stays_under_16_kb() -> None:
    kinds = [{"measure": "recall", "class": f"class-{number}", "noWorseThan": 1.25} for number in range(6)]
    world, trial = after_a_week([ERRORS, {"measure": "accuracy", "noWorseThan": 1.25}, *kinds])
    raw = whole(world)

    assert len(json.dumps(raw, separators=(",", ":"))) < LARGEST
    assert len(trial.series) >= 3
    assert Trial.parse(raw).evidence == trial.evidence


def test_a_trial_by_labels_is_explained_and_foretold_from_what_it_has_seen() -> None:
    world, _, _ = serving(guardrails=[ERRORS, {"measure": "accuracy", "noWorseThan": 1.05}])
    world.delay = 10
    world.run(120)
    trial = world.newest_trial
    seen = traffic.of_trial(trial)
    assert seen is not None
    console = Console(width=400, record=True, file=StringIO())
    console.print(*tables.story(trial), *tables.forecast(forecast(trial.rules, seen), trial.rules), sep="\n")
    told = console.export_text()

    assert seen.bad["accuracy"] == pytest.approx(0.1, abs=0.02)
    assert seen.labels["accuracy"] == pytest.approx(seen.requests, rel=0.3)
    assert "more challenger labels to the proof" in told
    assert "accuracy 10" in told or "accuracy 9" in told


class Told:
    """A ledger that tells what it is made to, or nothing."""

    def __init__(self, labels: Labels | None) -> None:
        self.labels_ = labels

    async def labels(self, namespace: str, deployment: str, question: Question) -> Labels:
        assert (namespace, deployment, len(question.windows)) == ("team", "churn", 1)
        if self.labels_ is None:
            raise Silent("it is away")
        return self.labels_


@pytest.mark.parametrize(
    ("ledger", "problem", "silence"),
    [
        (Told(Labels({})), None, None),
        (Told(None), None, "contender-ledger gives no answer"),
        (Told(None), "it does not start: it has no volume", "it does not start: it has no volume"),
    ],
    ids=["tells", "silent", "not there"],
)
def test_what_the_ledger_tells_or_why_it_is_silent_is_part_of_what_is_seen(
    ledger: Told, problem: str | None, silence: str | None
) -> None:
    world, _, _ = serving(soak="1h")
    world.run(20)
    world.now += timedelta(seconds=20)
    before = replace(world.see(), labels=None, ledger_silence=None)
    ledgers = SimpleNamespace(problem=lambda _: problem)
    after = asyncio.run(with_labels(SimpleNamespace(ledger=ledger, ledgers=ledgers), before))  # type: ignore[arg-type]

    assert after.labels == ledger.labels_
    assert after.ledger_silence == silence
