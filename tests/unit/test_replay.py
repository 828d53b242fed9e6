"""A trial is judged again from what its object keeps, and says when that does not agree."""

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from contender.api import Guardrail, Measure, Trial
from contender.rollout import record
from contender.rollout.decisions import fitted
from contender.rollout.replay import Check, replay
from contender.rollout.rules import Facts, judge, turn
from contender.rollout.series import size
from tests.unit.test_guards import on_trial
from tests.unit.test_rules import facts
from tests.unit.world import World

ERRORS = Guardrail(Measure.ERRORS, None, 1.25, 0.001)
ACCURACY = replace(ERRORS, measure=Measure.ACCURACY)


def ended(errors: float = 0.0, **rules: Any) -> dict[str, Any]:
    """The object of a trial that went on to its end, as the API server has it."""
    world, challenger = on_trial(soak="10s", **rules)
    world.errors[challenger] = errors
    world.run(200, until="Idle")
    return raw(world)


def raw(world: World) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(list(world.trials.values())[-1]))
    return found


def checks(trial: dict[str, Any]) -> tuple[Check, ...]:
    return replay(Trial.parse(trial))


@pytest.mark.parametrize(
    ("errors", "rules", "last"),
    [
        pytest.param(0.0, {}, "Promote EveryGuardrailIsProved", id="promoted"),
        pytest.param(0.2, {}, "Reject GuardrailIsBreached", id="rejected"),
        pytest.param(0.0, {"approval": "Manual"}, "Hold ApprovalIsAwaited", id="waits"),
        pytest.param(0.0, {"timeout": "12s", "onTimeout": "Promote", "steps": [1]}, "Promote TimeIsUp", id="late"),
    ],
)
def test_every_change_of_verdict_follows_from_what_was_kept(errors: float, rules: dict[str, Any], last: str) -> None:
    trial = ended(errors, **rules)
    found = checks(trial)
    decisions = trial["status"]["decisions"]
    verdicts = [check for check in found if check.what == decisions[-1]["at"]]

    assert all(check.agrees for check in found)
    assert all("state" in each for each in decisions)
    assert len(found) == len(decisions) + len(decisions) + 2
    assert verdicts[-1].found == last


def test_where_room_is_scarce_what_moved_traffic_keeps_its_state_longest() -> None:
    kept = [
        {"decision": decision, "message": "", "state": [{"champion": {"events": at, "exposures": 10}}]}
        for at, decision in enumerate(("Hold", "Shift", "Hold", "Promote"))
    ]
    stateless = size([kept[1], kept[3]]) + size([{**hold, "state": None} for hold in (kept[0], kept[2])])
    found = fitted(tuple(kept), stateless)

    assert [each["decision"] for each in found] == ["Hold", "Shift", "Hold", "Promote"]
    assert [each["decision"] for each in found if "state" in each] == ["Shift", "Promote"]


def test_after_a_breach_in_the_standby_it_is_judged_by_what_turns_a_promotion() -> None:
    world, challenger = on_trial(soak="10s", standby="10m")
    world.run(200, until="Standby")
    world.run(20)
    world.errors[challenger] = 0.2
    world.run(40, until="Idle")
    found = checks(raw(world))

    assert all(check.agrees for check in found)
    assert any(check.found == "Reject GuardrailIsBreached" for check in found)


@pytest.mark.parametrize(
    "meddle",
    [
        pytest.param(lambda status: status["decisions"][-1].update(rule="ProofIsOpen"), id="another rule"),
        pytest.param(lambda status: status["decisions"][-1]["facts"].update(evalues=[[1.0, 2.0]]), id="an e-value"),
        pytest.param(
            lambda status: status["decisions"][-1]["facts"].update(evalues=[[1e9, 0.001]]), id="how strong it was"
        ),
        pytest.param(lambda status: status["evidence"]["measures"][0].update(proof=3.0), id="the proof that stands"),
        pytest.param(
            lambda status: status["evidence"]["measures"][0]["challenger"].update(events=0),
            id="the counts that stand",
        ),
        pytest.param(
            lambda status: status["decisions"][-1]["state"][0]["challenger"].update(events=0),
            id="the counts that it was judged by",
        ),
    ],
)
def test_what_was_meddled_with_does_not_agree(meddle: Any) -> None:
    trial = copy.deepcopy(ended(0.2, guardrails=[{"measure": "errors", "below": 0.001}]))
    meddle(trial["status"])

    assert not all(check.agrees for check in checks(trial))


def test_what_no_rule_decided_is_left_out() -> None:
    world, _ = on_trial(soak="10m")
    world.apply("1")
    world.run(20, until="Idle")
    decisions = raw(world)["status"]["decisions"]

    assert decisions[-1]["rule"] == "ChampionIsWantedAgain"
    assert len(checks(raw(world))) == len(decisions) - 1 + sum("state" in each for each in decisions) + 2


@given(facts)
def test_facts_that_were_kept_lead_to_the_same_verdict(known: Facts) -> None:
    rules = replace(known.rules, guardrails=tuple(ACCURACY if each.labelled else ERRORS for each in known.findings))
    for won, judged in ((False, judge), (True, turn)):
        kept = json.loads(json.dumps(record.dump(known, won=won)))
        verdict, again = judged(known), judged(record.parse(kept, rules))

        assert type(verdict) is type(again)
        assert getattr(verdict, "rule", None) == getattr(again, "rule", None)
