"""After promotion, on the simulated world: the old champion stands by, is gone back to, or let go."""

import math
from random import Random

import pytest

from contender.api import Guardrail, Measure, Phase
from contender.observation import Problem
from contender.rollout.comparison import Pair
from contender.rollout.counting import Count
from contender.rollout.measure_evidence import MeasureEvidence
from contender.rollout.watch import Watch
from tests.unit.world import World


def promoted(standby: str = "10m", **rules: object) -> tuple[World, str, str]:
    """A world just after a promotion; the hashes of old champion and new."""
    world = World()
    old = world.apply("1", **rules)
    world.run(30, until="Idle")
    new = world.apply("2", standby=standby, **rules)
    world.run(200, until="Standby")

    assert world.status["phase"] == "Standby"
    return world, old, new


def route(world: World) -> str:
    assert world.block is not None
    return world.block.route.champion


def test_the_old_champion_stands_by_with_all_its_pods_and_no_traffic() -> None:
    world, old, new = promoted()
    world.workloads[old].replicas = 4
    world.run(20)

    assert set(world.workloads) == {old, new}
    assert world.workloads[old].ready == 4
    assert route(world) == new
    assert world.status["champion"]["variant"] == new
    assert {c["type"]: c["status"] for c in world.status["conditions"]}["Ready"] == "True"


def test_the_old_champion_goes_when_the_standby_is_over() -> None:
    world, _, new = promoted(standby="60s")
    world.run(60, until="Idle")
    world.run(10)

    assert world.newest_trial.phase is Phase.PROMOTED
    assert list(world.workloads) == [new]
    assert world.failures_of_route == 0


def test_a_breach_after_promotion_gives_the_traffic_back_in_one_step() -> None:
    world, old, new = promoted()
    world.run(20)
    world.errors[new] = 0.1
    world.run(3)
    went_back = route(world)
    world.run(20, until="Idle")
    world.run(10)

    assert went_back == old
    assert world.newest_trial.phase is Phase.REJECTED
    assert "since promotion" in world.status["rejected"]["message"]
    assert list(world.workloads) == [old]
    assert world.failures_of_route == 0


def test_an_abort_after_promotion_gives_the_traffic_back() -> None:
    world, old, new = promoted()
    world.annotations = {"contender.dev/abort": new}
    world.run(20, until="Idle")

    assert world.newest_trial.phase is Phase.REJECTED
    assert world.status["champion"]["variant"] == old


def test_asking_for_the_old_champion_again_takes_one_step_and_no_trial() -> None:
    world, old, _ = promoted()
    world.apply("1")
    world.tick()

    assert route(world) == old
    world.run(20, until="Idle")
    world.run(10)

    assert len(world.trials) == 1
    assert world.status["champion"]["variant"] == old
    assert list(world.workloads) == [old]
    assert world.failures_of_route == 0


def test_a_third_wish_ends_the_standby_and_begins_its_trial() -> None:
    world, _, _ = promoted()
    third = world.apply("3")
    world.run(200, until="Idle")
    world.run(10)

    assert [trial["status"]["phase"] for trial in world.trials.values()] == ["Promoted", "Promoted"]
    assert world.status["champion"]["variant"] == third
    assert list(world.workloads) == [third]
    assert world.failures_of_route == 0


def test_a_new_champion_that_loses_its_pods_is_on_trial_again() -> None:
    world, old, new = promoted()
    world.broken[new] = Problem("ServerCrashes", "it ended")
    world.run(4)

    assert route(world) == old
    assert world.status["champion"]["variant"] == old
    assert world.newest_trial.decisions[-1]["rule"] in {"ChampionIsLost", "ChallengerCannotStart"}
    del world.broken[new]
    world.run(200, until="Standby")

    assert world.status["champion"]["variant"] == new


def test_a_new_champion_that_stays_lost_is_never_let_have_the_traffic() -> None:
    world, old, new = promoted(standby="60s")
    world.broken[new] = Problem("ServerCrashes", "it ended")
    world.run(4)
    lost = world.failures_of_route
    world.run(60)

    assert route(world) == old
    assert world.failures_of_route == lost
    third = world.apply("3")
    world.run(200, until="Standby")
    world.run(3)

    assert world.status["champion"]["variant"] == third
    assert world.failures_of_route == lost


def test_a_third_wish_while_the_new_champion_is_lost_goes_back_first() -> None:
    world, old, new = promoted()
    world.broken[new] = Problem("ServerCrashes", "it ended")
    world._pass(2.0)
    lost = world.failures_of_route
    world.apply("3", soak="1h")
    world.run(10)

    assert world.newest_trial.champion.variant == old
    assert world.failures_of_route - lost < 2000
    assert route(world) == old


def test_the_traffic_goes_back_past_a_router_pod_that_is_silent() -> None:
    world, old, new = promoted()
    world.run(3)
    world.envoys[0].silent = True
    world.annotations = {"contender.dev/abort": new}
    world.run(3)

    assert route(world) == old
    assert world.failures_of_route == 0


def test_who_stands_by_keeps_the_pods_that_it_had_when_it_was_replaced() -> None:
    world = World()
    old = world.apply("1")
    world.run(30, until="Idle")
    new = world.apply("2", standby="10m")
    world.run(30, until="Shifting")
    world.workloads[old].replicas = 8
    world.run(200, until="Standby")
    world.workloads[old].replicas = world.workloads[old].ready = 1  # what an autoscaler does without traffic
    world.run(10)

    assert world.workloads[old].ready == 8
    assert world.workloads[new].ready >= 8


def test_a_standby_without_objects_and_without_a_router_configuration_goes_on() -> None:
    world, old, new = promoted(standby="60s")
    del world.workloads[old]
    world.block = None
    world.run(60, until="Idle")

    assert route(world) == new
    assert world.status["champion"]["variant"] == new


def test_nothing_is_given_back_to_a_champion_without_pods() -> None:
    world, old, new = promoted()
    world.broken[old] = Problem("OutOfMemory", "it was killed")
    world.run(3)
    world.errors[new] = 0.1
    world.run(20)

    assert route(world) == new
    assert world.newest_trial.phase is Phase.STANDBY
    assert world.failures_of_route == 0


def test_the_error_rate_that_the_trial_has_seen_is_no_breach_after_it() -> None:
    world = World()
    world.errors[world.apply("1")] = 0.02
    world.run(30, until="Idle")
    rules = {"guardrails": [{"measure": "errors", "noWorseThan": 1.5, "below": 0.001}]}
    new = world.apply("2", standby="10m", **rules)
    world.errors[new] = 0.02
    world.run(400, until="Standby")
    world.run(280)

    assert world.newest_trial.phase is Phase.STANDBY
    assert route(world) == new


def test_going_back_to_a_trusted_model_needs_no_trial() -> None:
    world, old, _ = promoted(standby="0s", trustedHistory=3)
    world.run(20, until="Idle")
    world.run(10)
    world.apply("1", trustedHistory=3, soak="1h")
    world.run(30, until="Idle")

    assert world.status["champion"]["variant"] == old
    assert world.newest_trial.decisions[-1]["rule"] == "ModelIsTrusted"
    assert world.failures_of_route == 0


def test_the_old_champion_is_trusted_when_it_is_wanted_before_its_pods_are_ready() -> None:
    world, old, _ = promoted(trustedHistory=3)
    world.broken[old] = Problem("OutOfMemory", "it was killed")
    world.run(3)
    world.apply("1", trustedHistory=3, soak="1h")
    world.run(2)
    del world.broken[old]
    world.run(30)

    assert world.newest_trial.trusted
    assert world.status["champion"]["variant"] == old


def test_a_model_that_was_sent_back_after_promotion_is_not_trusted() -> None:
    world, old, new = promoted(trustedHistory=3)
    world.errors[new] = 0.1
    world.run(40, until="Idle")
    world.run(10)
    world.apply("1", trustedHistory=3)
    world.run(10)
    world.errors[new] = 0.0
    world.apply("2", trustedHistory=3, soak="1h")
    world.run(30)

    assert world.newest_trial.phase is Phase.SHIFTING
    assert world.status["champion"]["variant"] == old


@pytest.mark.parametrize(("rate", "least", "most"), [(0.001, 0.0, 0.05), (0.01, 0.99, 1.0)])
def test_a_watch_alarms_falsely_in_at_most_one_standby_of_twenty(rate: float, least: float, most: float) -> None:
    """200 standbys of 200 looks with 100 requests each, at the bound and at ten times it; confidence 0.95."""
    dice = Random(7)
    guardrail = Guardrail(Measure.ERRORS, None, None, 0.001)
    alarms = 0
    for _ in range(200):
        watch = Watch(guardrail, "errors", 0.001)
        for _ in range(200):
            watch = watch.absorb(Count(_binomial(dice, 100, rate), 100))
            if watch.breach(200) >= 20:
                alarms += 1
                break

    assert least <= alarms / 200 <= most


def test_the_bound_is_the_greater_of_what_is_fine_and_what_the_champion_may_have_been() -> None:
    champion = MeasureEvidence(
        Guardrail(Measure.ERRORS, None, 1.25, 0.001), trial=Pair(Count(100, 10_000), Count(0, 1))
    )
    unseen = MeasureEvidence(Guardrail(Measure.ERRORS, None, 1.25, 0.001))
    clean = MeasureEvidence(Guardrail(Measure.ERRORS, None, 1.25, 0.001), trial=Pair(Count(0, 10**6), Count(0, 1)))

    assert 0.0125 < (Watch.begin(champion, 0.95).bound or 0) < 0.02
    assert Watch.begin(unseen, 0.95).bound == 0.001
    assert Watch.begin(clean, 0.95).bound == 0.001


def test_after_a_champion_whose_every_request_was_bad_no_rate_is_a_breach() -> None:
    """Such as a bound of time that is too short for either variant: its share of 100 % is no worse than before."""
    guardrail = Guardrail(Measure.LATENCY, "50ms", 1.25, 0.01)
    all_slow = MeasureEvidence(guardrail, trial=Pair(Count(10_000, 10_000), Count(10_000, 10_000)))
    watch = Watch.begin(all_slow, 0.95)

    assert watch.bound is None
    assert watch.absorb(Count(1000, 1000)).breach(600) == 0


def test_a_watch_goes_on_from_what_was_written_down() -> None:
    evidence = MeasureEvidence(Guardrail(Measure.ERRORS, None, None, 0.001))
    watch = Watch.begin(evidence, 0.95).absorb(Count(3, 500))
    again = Watch.parse(watch.dump(), evidence)

    assert again == watch
    assert math.isclose(again.absorb(Count(1, 9)).breach(10), watch.absorb(Count(1, 9)).breach(10))


def _binomial(dice: Random, trials: int, rate: float) -> int:
    return sum(dice.random() < rate for _ in range(trials))
