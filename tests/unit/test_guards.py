"""The guards on the evidence, on the simulated world: what is wrong with it is held or dropped, and told."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contender.api import Phase
from contender.rollout.counting import Dropped
from tests.unit.world import World


def on_trial(ticks: int = 12, **rules: Any) -> tuple[World, str]:
    """A world whose challenger has a share; the challenger's hash."""
    world = World(lag=0.0)
    world.apply("1")
    world.run(30, until="Idle")
    challenger = world.apply("2", **rules)
    world.run(ticks)

    assert world.newest_trial.step >= 0
    return world, challenger


def dropped(world: World) -> Mapping[str, int]:
    found: Mapping[str, int] = world.newest_trial.evidence["dropped"]
    return found


def verdict(world: World) -> str:
    return str((world.newest_trial.verdict or {})["rule"])


def test_a_broken_split_holds_the_trial_and_says_so_to_everybody() -> None:
    world, _ = on_trial(soak="1h")
    world.skew = 20
    world.run(30)
    condition = {c["type"]: c for c in world.status["conditions"]}["TrialPassing"]
    events = [event for plan in world.history for event in plan.events if event.reason == "SplitIsBroken"]

    assert world.status["phase"] == "Holding"
    assert (condition["status"], condition["reason"]) == ("Unknown", "SplitIsBroken")
    assert [event.type for event in events] == ["Warning"]
    assert "5 % are wanted" in events[0].message
    assert dropped(world)[Dropped.SPLIT] > 0
    assert world.newest_trial.evidence["split"]["broken"]["challenger"] > 0


@pytest.mark.parametrize("errors", [0.0, 0.2])
def test_while_the_split_is_broken_evidence_neither_promotes_nor_rejects(errors: float) -> None:
    world, challenger = on_trial(soak="30s")
    world.skew = 35
    world.run(20)
    world.errors[challenger] = errors
    world.run(200)

    assert world.newest_trial.phase is Phase.HOLDING
    assert verdict(world) == "SplitIsBroken"


@pytest.mark.parametrize(("command", "end"), [("promote", Phase.PROMOTED), ("abort", Phase.REJECTED)])
def test_while_the_split_is_broken_a_person_decides(command: str, end: Phase) -> None:
    world, challenger = on_trial(soak="30s")
    world.skew = 35
    world.run(20)
    world.annotations = {f"contender.dev/{command}": challenger}
    world.run(30, until="Idle")

    assert world.newest_trial.phase is end


def test_a_split_that_was_mended_lets_the_trial_go_on_to_its_verdict() -> None:
    world, challenger = on_trial(soak="30s")
    world.skew = 20
    world.run(20)
    broken = verdict(world)
    world.skew = None
    world.run(300, until="Idle")

    assert broken == "SplitIsBroken"
    assert world.status["champion"]["variant"] == challenger


def test_what_came_before_the_split_was_found_broken_is_no_part_of_a_proof() -> None:
    world, _ = on_trial(soak="1h", steps=[50])
    world.run(40)
    before = world.newest_trial.evidence["measures"][0]["proof"]
    world.skew = 60
    world.run(40)

    assert before > 20
    assert world.newest_trial.evidence["measures"][0]["proof"] == 1.0


def test_a_challenger_that_hangs_does_not_break_the_split() -> None:
    """Requests count as they are sent. What it does not answer is no answer, and a timeout is an error in the end."""
    world, challenger = on_trial(soak="1h", steps=[50])
    known = {envoy.name: envoy.counters[challenger] for envoy in world.envoys}
    for _ in range(5):
        world.tick()
        for envoy in world.envoys:
            hung = replace(envoy.counters[challenger], completed=known[envoy.name].completed)
            envoy.counters[challenger] = hung

    assert verdict(world) == "ShareIsSoaking"


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_set_neither_ends_nor_prolongs_a_soak(hours: int) -> None:
    world, _ = on_trial(ticks=8, soak="60s", steps=[5, 50])
    world.now += timedelta(hours=hours)
    world.run(15)
    early = world.newest_trial.step
    world.run(25)

    assert (early, world.newest_trial.step) == (0, 1)
    assert dropped(world)[Dropped.CLOCK if hours < 0 else Dropped.AWAY] == 1


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_set_neither_ends_nor_prolongs_a_standby(hours: int) -> None:
    world, _ = on_trial(standby="60s")
    world.run(200, until="Standby")
    world.now += timedelta(hours=hours)
    world.run(15)
    early = world.newest_trial.phase
    world.run(25)

    assert (early, world.newest_trial.phase) == (Phase.STANDBY, Phase.PROMOTED)


def test_the_counts_of_a_time_without_looks_are_evidence_and_the_time_itself_hardly_is() -> None:
    world, _ = on_trial(soak="10m")
    before = world.newest_trial
    world._pass(600.0)
    world.tick()
    after = world.newest_trial

    assert after.soaked_seconds - before.soaked_seconds <= 15
    assert after.evidence["measures"][0]["challenger"]["exposures"] >= 300 * 600 * 0.05
    assert dropped(world)[Dropped.AWAY] == 1


def test_a_missing_answer_is_counted_and_made_up_for() -> None:
    world, _ = on_trial(soak="10m")
    world.envoys[0].silent = True
    world.run(5)
    world.envoys[0].silent = False
    world.run(2)
    sent = world.newest_trial.evidence["split"]["sent"]

    assert dropped(world)[Dropped.SILENT] == 5
    assert sent["challenger"] == world.newest_trial.evidence["measures"][0]["challenger"]["exposures"]


def test_an_answer_that_comes_twice_is_counted_once() -> None:
    world, _ = on_trial(soak="10m")
    world.tick()
    world.now += timedelta(seconds=2)
    before = world.newest_trial.evidence["measures"]
    world.rate = 0.0
    world._pass(0.0)
    world.tick()
    world.carry_out(world.history[-1])
    once = world.newest_trial.evidence["measures"]
    for envoy in world.envoys:
        envoy.uptime -= 2.0
    world.tick()

    assert world.newest_trial.evidence["measures"] == once
    assert once != before
    assert dropped(world)[Dropped.DUPLICATED] == len(world.envoys)
