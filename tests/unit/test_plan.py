"""The whole story on a simulated world: what `make_plan` leads to when its plans are carried out, or lost."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contender.api import Phase
from contender.observation import Problem
from tests.unit.world import World


def serving(**kwargs: object) -> tuple[World, str]:
    world = World(**kwargs)  # type: ignore[arg-type]
    champion = world.apply("1")
    world.run(30, until="Idle")

    assert world.status["phase"] == "Idle"
    return world, champion


def condition(world: World, kind: str) -> tuple[str, str]:
    found = {c["type"]: (c["status"], c["reason"]) for c in world.status["conditions"]}
    return found.get(kind, ("absent", ""))


def test_the_first_variant_becomes_champion_without_a_trial() -> None:
    world, champion = serving()

    assert world.status["champion"]["variant"] == champion
    assert not world.trials
    assert condition(world, "Ready") == ("True", "ChampionServes")


def test_a_spec_change_before_the_first_champion_replaces_it() -> None:
    world = World()
    world.apply("1")
    world.tick()
    wanted = world.apply("2")
    world.run(30, until="Idle")

    assert world.status["champion"]["variant"] == wanted
    assert not world.trials
    assert list(world.workloads) == [wanted]


def test_a_good_challenger_climbs_its_steps_and_is_promoted() -> None:
    world, _champion = serving()
    challenger = world.apply("2")
    world.run(200, until="Idle")
    world.run(10)

    shares = [plan.block.route.share for plan in world.history if plan.block]
    assert {0, 5, 25, 50} <= set(shares)
    assert world.status["champion"]["variant"] == challenger
    assert world.newest_trial.phase is Phase.PROMOTED
    assert list(world.workloads) == [challenger]
    assert world.failures_of_route == 0
    assert world.status["history"][-1]["outcome"] == "Promoted"


def test_a_worse_challenger_is_rejected_and_leaves_nothing() -> None:
    world, champion = serving()
    challenger = world.apply("2")
    world.errors[challenger] = 0.1
    world.run(200, until="Idle")
    world.run(10)

    assert world.newest_trial.phase is Phase.REJECTED
    assert world.status["champion"]["variant"] == champion
    assert list(world.workloads) == [champion]
    assert condition(world, "Ready") == ("True", "ChallengerRejected")
    assert condition(world, "TrialPassing") == ("False", "GuardrailIsBreached")
    assert "errors" in world.status["rejected"]["message"]


def test_a_rejected_wish_is_tried_again_only_after_it_went_away_and_came_back() -> None:
    world, _ = serving()
    challenger = world.apply("2")
    world.errors[challenger] = 0.1
    world.run(200, until="Idle")
    world.apply("2", soak="6s")
    world.run(20)

    assert len(world.trials) == 1
    world.apply("1")
    world.run(10)
    world.apply("2")
    world.run(10)

    assert len(world.trials) == 2
    assert not world.newest_trial.ended


def test_going_back_to_the_champion_ends_the_trial_and_moves_nothing_else() -> None:
    world, champion = serving()
    world.apply("2")
    world.run(12)
    before = replace(world.workloads[champion].intent)
    world.apply("1")
    world.run(20)

    assert world.newest_trial.phase is Phase.SUPERSEDED
    assert world.status["champion"]["variant"] == champion
    assert list(world.workloads) == [champion]
    assert world.workloads[champion].intent == before
    assert world.failures_of_route == 0


def test_a_new_wish_supersedes_the_trial_and_gets_one_of_its_own() -> None:
    world, _ = serving()
    first = world.apply("2")
    world.run(12)
    second = world.apply("3")
    world.run(200, until="Idle")
    world.run(10)

    assert [trial["spec"]["challenger"]["variant"] for trial in world.trials.values()] == [first, second]
    assert world.status["champion"]["variant"] == second
    assert list(world.workloads) == [second]
    assert world.failures_of_route == 0


def test_a_challenger_that_cannot_start_holds_the_trial_and_says_why() -> None:
    world, champion = serving()
    problem = Problem("DigestMismatch", "contender.yaml has another digest: pin the one that it has")
    world.broken[world.apply("2")] = problem
    world.run(30)

    assert world.newest_trial.phase is Phase.HOLDING
    assert condition(world, "Stalled") == ("True", "DigestMismatch")
    assert condition(world, "ChampionAvailable") == ("True", "PodsReady")
    assert world.block is not None
    assert world.block.route.champion == champion
    assert world.block.route.share == 0


def test_without_traffic_the_trial_holds_with_its_reason_and_goes_on_when_traffic_comes() -> None:
    world, _ = serving(rate=0)
    challenger = world.apply("2")
    world.run(60)

    assert world.newest_trial.phase is Phase.HOLDING
    assert world.newest_trial.verdict is not None
    assert world.newest_trial.verdict["rule"] == "NoTrafficArrives"
    assert condition(world, "TrialPassing") == ("Unknown", "NoTrafficArrives")
    world.rate = 300.0
    world.run(200, until="Idle")

    assert world.status["champion"]["variant"] == challenger


def test_a_challenger_that_loses_its_pods_loses_its_share() -> None:
    world, champion = serving()
    challenger = world.apply("2", soak="1h")
    world.run(15)

    assert world.block is not None
    assert world.block.route.share == 5
    world.broken[challenger] = Problem("ServerCrashes", "it ended")
    world.run(5)

    assert world.block.route.champion == champion
    assert world.block.route.share == 0
    del world.broken[challenger]
    world.run(5)

    assert world.block.route.share == 5


def test_a_lost_status_is_made_again_with_champion_and_share() -> None:
    world, champion = serving()
    world.apply("2", soak="1h")
    world.run(15)
    world.raw["status"] = {}
    world.run(3)

    assert world.status["champion"]["variant"] == champion
    assert world.status["trial"]["share"] == 5
    assert world.failures_of_route == 0


def test_a_lost_deployment_of_the_champion_is_made_again_while_spec_asks_for_another() -> None:
    world, champion = serving()
    world.apply("2", soak="1h")
    world.run(15)
    world.workloads[champion].replicas = world.workloads[champion].ready = 0  # its Service still tells its intent
    plan = world.tick()
    world.run(5)

    names = [manifest["metadata"]["name"] for manifest in plan.objects if manifest["kind"] == "Deployment"]
    assert f"churn-{champion}" in names
    assert world.workloads[champion].ready > 0
    assert not world.newest_trial.ended


def test_a_champion_of_which_nothing_is_left_ends_the_trial_and_the_wish_is_served() -> None:
    world, champion = serving()
    challenger = world.apply("2", soak="1h")
    world.run(15)
    del world.workloads[champion]
    world.run(30, until="Idle")

    assert world.newest_trial.phase is Phase.SUPERSEDED
    assert world.newest_trial.decisions[-1]["rule"] == "ChampionIsGone"
    assert world.status["champion"]["variant"] == challenger


def test_the_champion_stays_when_the_trial_that_it_won_is_deleted() -> None:
    world, _ = serving()
    world.apply("2")
    world.run(200, until="Idle")
    winner = world.apply("3")
    world.run(200, until="Idle")
    world.run(10)
    del world.trials["churn-2"]
    world.run(10)

    assert world.status["champion"]["variant"] == winner
    assert list(world.workloads) == [winner]
    assert world.failures_of_route == 0


@pytest.mark.parametrize("hours", [-1, 2])
def test_a_clock_that_jumps_decides_nothing(hours: int) -> None:
    world, _ = serving()
    challenger = world.apply("2", soak="20s", timeout="30m", onTimeout="Reject")
    world.run(15)
    step = world.newest_trial.step
    world.now += timedelta(hours=hours)
    world.run(2)

    assert not world.newest_trial.ended
    assert world.newest_trial.step <= step + 1
    assert world.newest_trial.judged_seconds < 120
    world.run(300, until="Idle")

    assert world.status["champion"]["variant"] == challenger


def test_who_is_promoted_on_timeout_has_the_pods_for_all_traffic_first() -> None:
    world, champion = serving(rate=20)
    world.workloads[champion].replicas = 8
    world.run(12)
    challenger = world.apply("2", soak="1h", timeout="20s", onTimeout="Promote")
    for _ in range(150):
        world.tick()
        if world.block and world.block.route.champion == challenger:
            break

    assert world.newest_trial.decisions[-1]["rule"] == "TimeIsUp"
    assert world.workloads[challenger].ready >= 8


def test_a_breach_while_the_promotion_is_under_way_turns_it() -> None:
    world, champion = serving()
    challenger = world.apply("2")
    world.run(200, until="Promoting")
    world.lag = 1.0  # no router pod takes the new route
    world.errors[challenger] = 1.0
    world.run(10)
    world.lag = 0.3
    world.run(20, until="Idle")
    world.run(10)

    assert world.newest_trial.phase is Phase.REJECTED
    assert world.status["champion"]["variant"] == champion
    assert list(world.workloads) == [champion]
    assert world.failures_of_route == 0


def test_a_share_soaks_anew_after_the_challenger_lost_its_pods() -> None:
    world, _ = serving()
    challenger = world.apply("2", soak="60s")
    world.run(30, until="Shifting")
    world.run(8)
    before = world.newest_trial.since
    world.broken[challenger] = Problem("ServerCrashes", "it ended")
    world.run(3)
    del world.broken[challenger]
    world.run(10)

    assert before is not None
    assert world.newest_trial.since is not None
    assert world.newest_trial.since > before
    assert world.newest_trial.step == 0


def test_a_silent_router_pod_holds_the_trial() -> None:
    world, _ = serving()
    world.apply("2")
    world.run(12)
    world.envoys[0].silent = True
    world.run(3)

    assert world.newest_trial.verdict is not None
    assert world.newest_trial.verdict["rule"] == "RouterIsSilent"


def test_an_idle_deployment_is_at_rest() -> None:
    world, _ = serving()
    world.run(3)
    first, second = world.tick(), world.tick()

    assert first.status == second.status
    assert second.look_again == 300.0
    assert second.stale_routers == ()


def test_the_timeout_counts_only_time_with_evidence() -> None:
    world, _ = serving(rate=0)
    world.apply("2", timeout="10s", onTimeout="Reject")
    world.run(60)

    assert not world.newest_trial.ended
    assert world.newest_trial.judged_seconds == 0


def test_on_timeout_reject_sends_the_challenger_back() -> None:
    world, champion = serving(rate=20)
    world.errors[champion] = 0.02
    challenger = world.apply("2", timeout="20s", onTimeout="Reject")
    world.errors[challenger] = 0.02
    world.run(100, until="Idle")

    assert world.newest_trial.phase is Phase.REJECTED
    assert world.newest_trial.decisions[-1]["rule"] == "TimeIsUp"


def test_capacity_goes_before_weight() -> None:
    world, champion = serving()
    world.workloads[champion].replicas = 8
    world.run(12)
    challenger = world.apply("2")
    for _ in range(150):
        world.tick()
        share = world.block.route.share if world.block else 0
        if challenger in world.workloads and share:
            assert world.workloads[challenger].ready >= -(-8 * share * 6 // 500)
        if world.status["champion"]["variant"] == challenger:
            break

    assert world.status["champion"]["variant"] == challenger
    assert world.workloads[challenger].replicas >= 8


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 10_000),
    wishes=st.lists(st.tuples(st.sampled_from("123"), st.integers(1, 25)), min_size=1, max_size=5),
    lost=st.floats(0, 0.5),
)
def test_whatever_is_wished_and_lost_no_request_misses_and_the_last_wish_is_served(
    seed: int, wishes: list[tuple[str, int]], lost: float
) -> None:
    world, _ = serving(seed=seed)
    for version, ticks in wishes:
        wanted = world.apply(version)
        for _ in range(ticks):
            world.tick(lost=world.dice.random() < lost)
    for _ in range(150):
        world.tick(lost=world.dice.random() < lost)
    world.run(20)

    assert world.failures_of_route == 0
    assert world.status["phase"] == "Idle"
    assert world.status["champion"]["variant"] == wanted
    assert list(world.workloads) == [wanted]


def test_only_the_newest_trials_are_kept() -> None:
    world, _ = serving()
    for version in "2121":
        world.apply(version, historyLimit=2)
        world.run(150, until="Idle")
    world.run(3)

    assert [trial["metadata"]["name"] for trial in world.trials.values()] == ["churn-3", "churn-4"]
