"""The rehearsal before the first share: copies of requests, judged, that no user sees the answers of."""

from dataclasses import replace

import pytest

from contender import names, traffic
from contender.api import Phase
from contender.observation import Answer, Counters, Problem, Recording, Route, RouterPod
from contender.plan import Plan
from contender.rollout import shadow
from contender.rollout.pairs import PROCESSES, Joined
from contender.rollout.replay import replay
from contender.rollout.room import fitted
from tests.unit.world import World

REHEARSAL = {"percent": 40, "duration": "10s"}
QUICK = {"shadow": REHEARSAL, "guardrails": [{"measure": "errors", "noWorseThan": 1.5, "below": 0.05}]}


def challenged(seed: int = 1, **trial: object) -> tuple[World, str, str]:
    """A world in which a champion serves and a challenger is to be rehearsed; their hashes."""
    world = World(seed=seed)
    champion = world.apply("1", **QUICK)
    world.run(30, until="Idle")
    return world, champion, world.apply("2", **{**QUICK, **trial})


def mirrors(plan: Plan) -> int:
    return plan.block.route.mirror if plan.block else 0


def phases(world: World) -> list[str]:
    """The phases that users saw, each once and in their order."""
    return list(dict.fromkeys(str(plan.status["phase"]) for plan in world.history if "phase" in plan.status))


def test_a_good_challenger_is_rehearsed_before_its_first_share_and_then_promoted() -> None:
    world, champion, challenger = challenged()
    world.run(20, until="Shadowing")
    world.run(3)
    rehearsed = dict(world.served)
    world.run(200, until="Idle")

    assert rehearsed.keys() == {champion}
    assert phases(world)[1:6] == ["Idle", "Qualifying", "Shadowing", "Shifting", "Promoting"]
    assert world.newest_trial.phase is Phase.PROMOTED
    assert (world.newest_trial.shadowed_seconds or 0) >= 10
    assert world.served[challenger]
    assert world.failures_of_route == 0


def test_without_shadow_in_spec_nothing_is_copied() -> None:
    world = World()
    for version in ("1", "2"):
        world.apply(version)
        world.run(200, until="Idle")

    assert not any(mirrors(plan) for plan in world.history)
    assert "Shadowing" not in phases(world)
    assert world.newest_trial.shadowed_seconds is None


def test_a_worse_challenger_is_rejected_in_the_rehearsal_and_no_user_meets_it() -> None:
    world, champion, challenger = challenged()
    world.errors[challenger] = 0.3
    world.run(200, until="Idle")
    world.run(5)
    trial = world.newest_trial

    assert trial.phase is Phase.REJECTED
    assert trial.verdict is not None
    assert trial.verdict["rule"] == "GuardrailIsBreached"
    assert world.served.keys() == {champion}
    assert list(world.workloads) == [champion]
    assert world.block is not None
    assert (world.block.route, world.block.shadows) == (Route(champion), ())


def test_the_challenger_s_copies_are_held_against_what_the_champion_answered_meanwhile() -> None:
    world, _, _ = challenged()
    world.run(20, until="Shadowing")
    world.run(5)
    (errors,) = world.newest_trial.evidence["measures"]
    ours, theirs = (errors["step"][who]["exposures"] for who in ("challenger", "champion"))

    assert ours > 0
    assert ours == pytest.approx(0.4 * theirs, rel=0.01)


def test_live_requests_are_not_counted_from_where_the_copies_stood() -> None:
    world, _, _ = challenged(soak="1m")
    world.run(60, until="Shifting")
    world.run(10)
    (errors,) = world.newest_trial.evidence["measures"]
    ours, theirs = (errors["step"][who]["exposures"] for who in ("challenger", "champion"))

    assert world.newest_trial.step == 0
    assert ours == pytest.approx(5 / 95 * theirs, rel=0.1)


def test_the_pods_for_the_copies_are_there_before_the_first_copy() -> None:
    world = World()
    champion = world.apply("1", **QUICK)
    world.run(30, until="Idle")
    world.workloads[champion].replicas = 5
    challenger = world.apply("2", **QUICK)
    world.run(20, until="Shadowing")

    assert world.workloads[challenger].ready == 3  # 5 * 40 % * 1.2, rounded up


def test_the_clock_of_the_rehearsal_stands_still_without_traffic() -> None:
    world, _, _ = challenged()
    world.run(20, until="Shadowing")
    world.run(3)
    world.rate = 0.0
    world.run(20)
    held = world.newest_trial
    world.run(20)

    assert held.phase is Phase.HOLDING
    assert held.verdict is not None
    assert held.verdict["rule"] == "NoTrafficArrives"
    assert world.newest_trial.shadowed_seconds == held.shadowed_seconds
    assert mirrors(world.history[-1]) == 40
    world.rate = 300.0
    world.run(200, until="Idle")
    assert world.newest_trial.phase is Phase.PROMOTED


def test_copies_that_never_come_are_waited_for_and_told() -> None:
    world, _, _ = challenged()
    world.run(20, until="Qualifying")
    world.rate = 0.0
    world.run(20)

    assert world.newest_trial.since is not None
    assert world.newest_trial.shadowed_seconds == 0.0
    assert world.status["phase"] == "Holding"


def test_a_router_pod_that_lacks_the_cluster_for_copies_is_touched_until_it_has_it() -> None:
    world, _, challenger = challenged()
    world.run(20, until="Shadowing")
    world.run(3)
    seen = world.see()
    behind, other = seen.router.pods
    without = replace(seen, router=replace(seen.router, pods=(replace(behind, shadows={}), other)))

    assert world.block is not None
    assert world.block.shadows == (challenger,)
    assert traffic.stale_pods(world.block, seen) == ()
    assert traffic.stale_pods(world.block, without) == (behind.name,)


def test_each_verdict_of_a_rehearsal_can_be_judged_again_from_its_trial() -> None:
    world, _, _ = challenged()
    world.run(200, until="Idle")
    checks = replay(world.newest_trial)

    assert {"ShadowComesFirst", "ShadowGoesOn", "ShadowWasSurvived"} <= {check.found.split()[-1] for check in checks}
    assert all(check.agrees for check in checks)


def test_pairs_leave_less_room_to_the_history_of_a_trial() -> None:
    world, _, _ = challenged()
    world.run(60, until="Shifting")
    short = {**{key: world.newest_trial.decisions[-1][key] for key in ("at", "decision", "rule")}, "message": 80 * "x"}
    long = replace(world.newest_trial, decisions=(short,) * 200)
    read = Joined(10**9, {f"{number:08x}": 10**9 for number in range(PROCESSES)})

    assert len(fitted(replace(long, pairs=read.dump())).decisions) < len(fitted(replace(long, pairs={})).decisions)


def test_a_pause_keeps_the_copies_and_the_guardrails() -> None:
    world, _, challenger = challenged()
    world.run(20, until="Shadowing")
    world.annotations = {names.PAUSE: "true"}
    world.run(20)

    assert world.status["phase"] == "Holding"
    assert mirrors(world.history[-1]) == 40
    world.errors[challenger] = 0.3
    world.run(50, until="Idle")
    assert world.newest_trial.phase is Phase.REJECTED


def test_a_promotion_may_be_commanded_in_the_rehearsal() -> None:
    world, _, challenger = challenged()
    world.run(20, until="Shadowing")
    world.annotations = {names.PROMOTE: challenger}
    world.run(50, until="Idle")

    assert world.newest_trial.phase is Phase.PROMOTED
    assert world.failures_of_route == 0


def test_another_wish_ends_the_rehearsal() -> None:
    world, champion, _ = challenged()
    world.run(20, until="Shadowing")
    world.run(2)
    world.apply("1", **QUICK)
    world.run(30, until="Idle")

    assert world.newest_trial.phase is Phase.SUPERSEDED
    assert world.served.keys() == {champion}
    assert world.block is not None
    assert world.block.route == Route(champion)


def test_a_challenger_without_pods_gets_no_copies_until_they_are_back() -> None:
    world, _, challenger = challenged()
    world.run(20, until="Shadowing")
    world.run(2)
    world.broken[challenger] = Problem("ServerCrashes", "it ended")
    world.run(3)
    without = mirrors(world.history[-1])
    world.broken.clear()
    world.run(200, until="Idle")

    assert without == 0
    assert world.newest_trial.phase is Phase.PROMOTED
    assert world.failures_of_route == 0


@pytest.mark.parametrize("seed", range(5))
def test_a_rehearsal_whose_writes_are_lost_half_of_the_time_ends_all_the_same(seed: int) -> None:
    world, _, _ = challenged(seed=seed)
    for _ in range(300):
        world.tick(lost=world.dice.random() < 0.5)

    assert world.newest_trial.phase is Phase.PROMOTED
    assert world.failures_of_route == 0


def test_requests_that_both_answered_are_evidence_of_the_rehearsal_alone() -> None:
    world, champion, challenger = challenged(soak="1m")
    world.run(20, until="Shadowing")
    world.tick()
    before = world.newest_trial
    fine, bad = (tuple(Answer(n, f"{n}", 9.0, status, 0.1) for n in range(1, 31)) for status in (200, 500))
    world.recordings = {champion: [Recording("a", fine)], challenger: [Recording("b", bad)]}
    world.tick()
    world.tick()
    trial = world.newest_trial

    assert before.pairs["missing"].startswith(f"no server of variant {champion} and {challenger} tells")
    assert trial.pairs == {"number": 30, "read": [{"process": "a", "number": 30}]}
    assert trial.evidence["measures"][0]["pairs"] == {"both": 0, "challengerOnly": 30, "championOnly": 0}


def test_single_answers_of_a_share_are_not_read() -> None:
    world, champion, challenger = challenged(soak="1m")
    world.run(60, until="Shifting")
    answers = tuple(Answer(n, f"{n}", 9.0, 200, 0.1) for n in range(1, 31))
    world.recordings = {champion: [Recording("a", answers)], challenger: [Recording("b", answers)]}
    world.run(5)

    assert world.newest_trial.pairs["number"] == 0


def test_a_router_pod_that_copies_nothing_is_on_no_route_of_the_rehearsal() -> None:
    world, champion, challenger = challenged()
    world.run(20, until="Shadowing")
    live = {champion: Counters(completed=9), challenger: Counters(completed=1)}
    pod = RouterPod("one", "one", 9.0, True, Route(champion, challenger), frozenset(live), {}, live)

    (seen,) = shadow.seen_by([pod], world.newest_trial)

    assert seen.uid != pod.uid  # a cursor of live requests must not go on with copies
    assert seen.route is None
    assert seen.counters == {champion: Counters(completed=9)}


def test_copies_are_no_traffic_of_their_own_and_the_rest_of_the_rehearsal_is_in_what_is_left() -> None:
    world, _, _ = challenged(shadow={"percent": 100, "duration": "1h"})
    world.run(20, until="Shadowing")
    world.run(20)
    eta = world.newest_trial.eta

    assert eta["requestsPerSecond"] == pytest.approx(world.rate, rel=0.05)
    assert eta["seconds"] > 3500
