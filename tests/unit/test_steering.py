"""Steering by annotations, on the simulated world: what follows from each, what it is answered, and how often."""

import pytest

from contender.api import Phase
from tests.unit.world import World

PROMOTE, ABORT, RETRY, PAUSE = (f"contender.dev/{name}" for name in ("promote", "abort", "retry", "pause"))


def on_trial(**rules: object) -> tuple[World, str, str]:
    """A world with a champion, and a challenger at its first share; their hashes."""
    world = World()
    champion = world.apply("1")
    world.run(30, until="Idle")
    challenger = world.apply("2", **{"soak": "1h", **rules})
    world.run(30, until="Shifting")
    world.run(5)

    assert world.newest_trial.phase is Phase.SHIFTING
    return world, champion, challenger


def answer(world: World, command: str) -> tuple[str, str]:
    """Outcome and message of a command in the status; empty when it is not there."""
    found = [each for each in world.status.get("commands", ()) if each["command"] == command]
    return (found[0]["outcome"], found[0]["message"]) if found else ("", "")


def told(world: World, reason: str) -> list[str]:
    return [event.message for plan in world.history for event in plan.events if event.reason == reason]


def test_a_commanded_promotion_skips_the_steps_that_are_left() -> None:
    world, _, challenger = on_trial()
    world.annotations = {PROMOTE: challenger}
    world.tick()

    assert answer(world, "promote")[0] == "Accepted"
    world.run(30, until="Idle")

    assert world.status["champion"]["variant"] == challenger
    assert world.newest_trial.decisions[-1]["rule"] == "PromotionIsCommanded"
    assert world.failures_of_route == 0
    assert answer(world, "promote") == ("Done", f"variant {challenger} is the champion")


def test_a_commanded_promotion_waits_for_the_pods_that_all_traffic_needs() -> None:
    world, champion, _ = on_trial()
    world.workloads[champion].replicas = 8
    world.run(10)
    challenger = world.apply("3", soak="1h")
    world.annotations = {PROMOTE: challenger}
    for _ in range(60):
        world.tick()
        if world.block and world.block.route.champion == challenger:
            break

    assert world.block is not None
    assert world.block.route.champion == challenger
    assert world.workloads[challenger].ready >= 8


def test_an_aborted_challenger_is_sent_back_and_stays_so() -> None:
    world, champion, challenger = on_trial()
    world.annotations = {ABORT: challenger}
    world.run(20, until="Idle")
    world.run(10)

    assert world.newest_trial.phase is Phase.REJECTED
    assert world.status["rejected"]["reason"] == "AbortIsCommanded"
    assert list(world.workloads) == [champion]
    assert answer(world, "abort")[0] == "Done"
    assert len(world.trials) == 1


def test_an_abort_turns_a_promotion_that_is_under_way() -> None:
    world, champion, challenger = on_trial()
    world.lag = 1.0  # no router pod takes the new route
    world.annotations = {PROMOTE: challenger}
    world.run(5, until="Promoting")
    world.annotations = {ABORT: challenger}
    world.run(3)
    world.lag = 0.3
    world.run(20, until="Idle")

    assert world.newest_trial.phase is Phase.REJECTED
    assert world.status["champion"]["variant"] == champion


def test_a_pause_keeps_the_share_and_stops_the_clock_and_guardrails_go_on() -> None:
    world, _, challenger = on_trial(soak="4s", timeout="60s", onTimeout="Reject")
    world.annotations = {PAUSE: "true"}
    world.run(4)
    share, judged = world.status["trial"]["share"], world.newest_trial.judged_seconds
    world.run(60)

    assert world.status["trial"]["share"] == share
    assert world.newest_trial.judged_seconds == judged
    assert world.status["phase"] == "Holding"
    world.errors[challenger] = 0.5
    world.run(40, until="Idle")

    assert world.newest_trial.phase is Phase.REJECTED


def test_a_trial_goes_on_when_the_pause_ends() -> None:
    world, _, challenger = on_trial(soak="4s")
    world.annotations = {PAUSE: "true"}
    world.run(20)
    world.annotations = {}
    world.run(200, until="Idle")

    assert world.status["champion"]["variant"] == challenger


def test_a_rejected_challenger_is_retried_once_for_each_time_the_annotation_is_set() -> None:
    world, _, challenger = on_trial(soak="4s")
    world.errors[challenger] = 0.5
    world.run(100, until="Idle")
    world.annotations = {RETRY: challenger}
    world.run(100, until="Idle")
    world.run(30)

    assert [trial["spec"]["stale"] for trial in world.trials.values()] == [[], ["retry"]]
    assert answer(world, "retry")[0] == "Done"
    assert "remove the annotation" in answer(world, "retry")[1]
    world.annotations = {}
    world.run(3)
    world.annotations = {RETRY: challenger}
    world.errors[challenger] = 0.0
    world.run(3)
    world.run(200, until="Idle")

    assert len(world.trials) == 3
    assert world.status["champion"]["variant"] == challenger


def test_an_abort_wins_over_a_retry_of_the_same_variant() -> None:
    world, _, challenger = on_trial()
    world.annotations = {ABORT: challenger}
    world.run(20, until="Idle")
    world.annotations[RETRY] = challenger
    world.run(10)

    assert len(world.trials) == 1
    assert answer(world, "retry")[0] == "Refused"


@pytest.mark.parametrize("annotation", [PROMOTE, ABORT, RETRY])
def test_a_command_for_a_variant_that_is_not_on_trial_is_refused_once_with_the_mend(annotation: str) -> None:
    world, _, challenger = on_trial()
    world.annotations = {annotation: "0badcafe"}
    world.run(10)
    command = annotation.rpartition("/")[2]

    assert answer(world, command)[0] == "Refused"
    assert challenger in answer(world, command)[1]
    assert len(told(world, "CommandRefused")) == 1
    assert not world.newest_trial.ended


def test_the_champion_cannot_be_aborted() -> None:
    world, champion, _ = on_trial()
    world.annotations = {ABORT: champion}
    world.run(3)

    assert answer(world, "abort")[0] == "Refused"
    assert "spec.model" in answer(world, "abort")[1]


@pytest.mark.parametrize(("value", "outcome"), [("yes", "Refused"), ("false", "Done"), ("true", "Accepted")])
def test_a_pause_says_what_it_understood(value: str, outcome: str) -> None:
    world, _, _ = on_trial()
    world.annotations = {PAUSE: value}
    world.run(3)

    assert answer(world, "pause")[0] == outcome


def test_a_command_is_told_once_however_long_its_annotation_stays() -> None:
    world, _, challenger = on_trial()
    world.annotations = {PROMOTE: challenger}
    world.run(40)

    assert len(told(world, "CommandAccepted")) == 1
    assert len(told(world, "CommandDone")) == 1


def test_a_forgotten_promotion_does_not_bring_a_former_champion_back() -> None:
    world, _, challenger = on_trial()
    world.annotations = {PROMOTE: challenger}
    world.run(40, until="Idle")
    newer = world.apply("3")
    world.run(200, until="Idle")

    assert world.status["champion"]["variant"] == newer
    assert answer(world, "promote")[0] == "Done"
    assert not told(world, "CommandRefused")


def test_with_manual_approval_a_proved_challenger_waits_for_a_person() -> None:
    world, champion, challenger = on_trial(soak="4s", approval="Manual")
    world.run(200, until="Holding")
    world.run(60)
    passing = next(each for each in world.status["conditions"] if each["type"] == "TrialPassing")

    assert world.status["champion"]["variant"] == champion
    assert passing["reason"] == "ApprovalIsAwaited"
    assert PROMOTE in passing["message"]
    world.annotations = {PROMOTE: challenger}
    world.run(30, until="Idle")

    assert world.status["champion"]["variant"] == challenger


def test_a_retry_that_was_heard_does_not_begin_another_trial_after_the_wish_came_back() -> None:
    world, _, challenger = on_trial(soak="4s")
    world.errors[challenger] = 0.5
    world.run(100, until="Idle")
    world.annotations = {RETRY: challenger}
    world.run(3)
    world.run(100, until="Idle")
    world.apply("1")
    world.run(5)
    world.apply("2", soak="4s")
    world.run(5)
    world.run(100, until="Idle")
    world.run(20)

    assert len(world.trials) == 3


def test_a_promotion_that_was_heard_does_not_promote_a_rejected_variant_again() -> None:
    world, champion, challenger = on_trial(standby="10m")
    world.annotations = {PROMOTE: challenger}
    world.run(30, until="Standby")
    world.errors[challenger] = 0.5
    world.run(30, until="Idle")
    world.annotations[RETRY] = challenger
    world.errors[challenger] = 0.0
    world.run(30)

    assert len(world.trials) == 2
    assert world.newest_trial.phase is Phase.SHIFTING
    assert world.status["champion"]["variant"] == champion
    assert answer(world, "promote")[0] == "Done"


def test_a_left_over_abort_speaks_of_nobody_else() -> None:
    world, _, challenger = on_trial()
    world.annotations = {ABORT: challenger}
    world.run(20, until="Idle")
    other = world.apply("3", soak="1h")
    world.run(10)

    assert not world.newest_trial.ended
    assert answer(world, "abort")[0] == "Done"
    assert other not in answer(world, "abort")[1]


def test_waiting_for_a_person_without_traffic_is_said_once() -> None:
    world, _, _ = on_trial(soak="4s", approval="Manual")
    world.run(200, until="Holding")
    world.rate = 0
    world.run(60)

    assert len(told(world, "ApprovalIsAwaited")) == 1
    assert not told(world, "NoTrafficArrives")


def test_the_moves_of_a_trial_are_remembered_however_often_it_held() -> None:
    world, _, _ = on_trial(timeout="24h")
    for turn in range(40):
        world.annotations = {PAUSE: "true"} if turn % 2 else {}
        world.run(3)
        world.rate = 0 if turn % 3 else 300.0
        world.run(12)

    decisions = [decision["decision"] for decision in world.newest_trial.decisions]

    assert 15 <= len(decisions) <= 50
    assert decisions[0] == "Shift"
