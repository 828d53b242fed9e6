"""What is foretold of a trial: it comes true in four of five, it moves the right way, and it is told in time."""

from collections import Counter
from dataclasses import replace
from itertools import accumulate, pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.api import Guardrail, Measure, Shadow
from contender.ladder import EDGES
from contender.rollout.counting import Count
from contender.rollout.eta import requests_per_second
from contender.rollout.forecast import Forecast, Traffic, forecast, sentence
from contender.rollout.measure_evidence import MeasureEvidence
from contender.rollout.prospects import CHANCE
from contender.rollout.quantile import TimesPair
from contender.rollout.times import Times
from tests.unit.test_evidence_error_rates import drawn
from tests.unit.test_guards import on_trial
from tests.unit.test_plan import condition
from tests.unit.test_rules import TRIAL
from tests.unit.world import World

ERRORS = Guardrail(Measure.ERRORS, None, 1.25, 0.001)
RULES = replace(TRIAL, guardrails=(ERRORS,), soak="60s", timeout="24h")
RUNS = 60


def foretold(requests: float = 100.0, bad: float = 0.0, **rules: Any) -> Forecast:
    return forecast(replace(RULES, **rules), Traffic(requests, {"errors": bad, "objective errors": bad}))


def by_chance(dice: Random, bad: float, exposures: float) -> Count:
    return Count(drawn(dice, round(exposures), bad), round(exposures))


@pytest.mark.parametrize("bad", [0.0, 0.004, 0.02])
def test_of_challengers_that_are_as_good_four_in_five_are_proved_as_soon_as_foretold(bad: float) -> None:
    (proof,) = foretold(bad=bad).proofs
    assert proof.requests is not None
    dice, proved = Random(f"{bad}"), 0
    for _ in range(RUNS):
        seen = MeasureEvidence(ERRORS)
        for _ in range(20):
            ours = proof.requests / 20
            seen = seen.absorb(by_chance(dice, bad, ours), by_chance(dice, bad, ours))
        proved += seen.proof() >= 20

    assert proved / RUNS >= CHANCE - 0.15  # three standard deviations


@pytest.mark.parametrize("bad", [0.0, 0.004, 0.02])
def test_of_challengers_as_bad_as_foretold_four_in_five_are_caught_in_the_soak(bad: float) -> None:
    known, dice = foretold(bad=bad), Random(f"{bad}")
    for number, step in enumerate(known.steps):
        least = step.catches[0].least
        assert least is not None
        caught = 0
        for _ in range(RUNS):
            seen = MeasureEvidence(ERRORS)
            for share in RULES.steps[: number + 1]:
                ours = 6000 * share / 100
                seen = seen.absorb(by_chance(dice, bad, 6000 - ours), by_chance(dice, least, ours))
            caught += seen.breach() >= 20

        assert caught / RUNS >= CHANCE - 0.15


shares = st.floats(0.0, 0.3)
rates = st.floats(0.5, 10_000.0)


@given(rates, shares)
def test_twice_the_traffic_takes_no_longer_and_catches_no_less(requests: float, bad: float) -> None:
    slow, fast = foretold(requests, bad), foretold(2 * requests, bad)

    if slow.seconds is not None:
        assert fast.seconds is not None
        assert fast.seconds <= slow.seconds * 1.001
    for less, more in zip(slow.steps, fast.steps, strict=True):
        if less.catches[0].least is not None:
            assert more.catches[0].least is not None
            assert more.catches[0].least <= less.catches[0].least * 1.1  # events are whole numbers


@given(rates, shares)
def test_no_trial_is_shorter_than_its_soaks_and_what_is_fine_is_never_caught(requests: float, bad: float) -> None:
    known = foretold(requests, bad)

    assert known.seconds is None or known.seconds >= 180
    assert (known.advice is None) is known.in_time
    for step in known.steps:
        least = step.catches[0].least
        assert least is None or least > max(0.001, 1.25 * bad)


def test_each_share_catches_more_than_the_one_before() -> None:
    least = [step.catches[0].least or 1 for step in foretold(bad=0.004).steps]

    assert least == sorted(least, reverse=True)
    assert least[0] > 2 * least[-1]


def test_a_shadow_comes_first_and_what_it_catches_counts_at_every_share() -> None:
    plain, shadowed = foretold(bad=0.004), foretold(bad=0.004, shadow=Shadow(percent=100, duration="5m"))

    assert [step.name for step in shadowed.steps] == ["shadow", "5 %", "25 %", "50 %"]
    assert shadowed.seconds == pytest.approx((plain.seconds or 0) + 300)
    assert (shadowed.steps[0].catches[0].least or 1) < (plain.steps[0].catches[0].least or 1)
    for before, after in zip(plain.steps, shadowed.steps[1:], strict=True):
        assert (after.catches[0].least or 1) < (before.catches[0].least or 1)


def test_copies_are_no_traffic() -> None:
    series = tuple({"at": at, "share": 0, "measures": [[0, 100 * at, 0, 100 * at, 0, 0]]} for at in range(0, 60, 2))

    assert requests_per_second(series) == pytest.approx(100)


def test_a_margin_that_cannot_be_proved_is_told_with_what_to_write_instead() -> None:
    known = foretold(guardrails=(replace(ERRORS, no_worse_than=1.0, below=None),), bad=0.01)

    assert known.seconds is None
    assert known.advice == "errors takes longest; write noWorseThan: 1.5 for errors"


def test_what_is_told_to_write_instead_is_proved_in_time() -> None:
    late = foretold(1.0, 0.004)
    mended = foretold(1.0, 0.004, guardrails=(replace(ERRORS, no_worse_than=2.0),))
    longer = foretold(1.0, 0.004, timeout="80h")

    assert late.advice == "errors takes longest; write timeout: 80h, or noWorseThan: 2 for errors"
    assert mended.in_time
    assert longer.in_time


P95 = Guardrail(Measure.LATENCY, None, 1.3, None, quantile=0.95)
USUAL = Times(100_000, tuple(round(100_000 * (1 - 0.05 ** (edge / 0.2))) for edge in EDGES))  # 95 % within 200 ms


def drawn_times(dice: Random, times: Times, number: int) -> Times:
    """So many answers by chance: each falls between the same edges as some answer of `times`."""
    between = [now - before for before, now in pairwise((0, *times.within))]
    places = Counter(dice.choices(range(len(EDGES)), between, k=number))
    return Times(number, tuple(accumulate(places[place] for place in range(len(EDGES)))))


def with_times(requests: float = 100.0, **rules: Any) -> Forecast:
    return forecast(replace(RULES, guardrails=(P95,), **rules), Traffic(requests, {}, {"latency p95": USUAL}))


def test_of_challengers_as_fast_four_in_five_are_proved_as_soon_as_foretold() -> None:
    (proof,) = with_times().proofs
    assert proof.requests is not None
    dice, proved, number = Random(7), 0, round(proof.requests)
    for _ in range(RUNS):
        seen = TimesPair(drawn_times(dice, USUAL, number), drawn_times(dice, USUAL, number))
        proved += MeasureEvidence(P95).absorb_times(seen).proof() >= 20

    assert proved / RUNS >= CHANCE - 0.15


def test_of_challengers_as_slow_as_foretold_four_in_five_are_caught_in_the_soak() -> None:
    known, dice = with_times(), Random(7)
    for number, step in enumerate(known.steps):
        catch, caught = step.catches[0], 0
        assert catch.least is not None
        slow = USUAL.later(EDGES.index(catch.least) - USUAL.at_least(0.95))
        for _ in range(RUNS):
            seen = MeasureEvidence(P95)
            for share in RULES.steps[: number + 1]:
                ours = 60 * share
                seen = seen.absorb_times(
                    TimesPair(drawn_times(dice, USUAL, 6000 - ours), drawn_times(dice, slow, ours))
                )
            caught += seen.breach() >= 20

        assert caught / RUNS >= CHANCE - 0.15


def test_a_quantile_is_told_in_its_own_unit() -> None:
    known = with_times()

    assert known.usual == ("latency p95 200ms",)
    assert [catch.told(catch.least or 0) for step in known.steps for catch in step.catches][-1].endswith("ms")
    assert "if the challenger is as good as the champion (latency p95 200ms)" in sentence(known, RULES)


def test_a_quantile_s_margin_that_takes_too_long_is_told_with_what_to_write_instead() -> None:
    tight = replace(P95, no_worse_than=1.05)
    known = forecast(replace(RULES, guardrails=(tight,)), Traffic(1.0, {}, {"latency p95": USUAL}))

    assert not known.in_time
    assert known.advice is not None
    assert "noWorseThan: 1.5 for latency p95" in known.advice


def test_of_a_challenger_that_must_be_better_it_is_foretold_how_much_better() -> None:
    better = Guardrail(Measure.ERRORS, None, None, None, better=True)
    (told,) = foretold(bad=0.02, objectives=(better,)).betters
    nothing = foretold(objectives=(better,)).betters[0]
    dice, proved, ours = Random(7), 0, (24 * 3600 - 120) * 50
    assert told.most is not None
    for _ in range(RUNS):
        seen = MeasureEvidence(better, objective=True)
        proved += seen.absorb(by_chance(dice, 0.02, ours), by_chance(dice, told.most, ours)).proof() >= 20

    assert told.champion == 0.02
    assert 0.01 < told.most < 0.02
    assert proved / RUNS >= CHANCE - 0.15
    assert nothing.most is None


def test_with_less_time_a_challenger_has_to_be_much_better() -> None:
    better = (Guardrail(Measure.ERRORS, None, None, None, better=True),)
    most = [foretold(bad=0.02, objectives=better, timeout=time).betters[0].most or 0 for time in ("10m", "1h", "24h")]

    assert most == sorted(most)
    assert most[0] < 0.9 * most[2]


def test_without_the_champion_s_times_a_quantile_is_not_foretold_and_that_is_said() -> None:
    known = foretold(guardrails=(ERRORS, P95))

    assert [proof.measure for proof in known.proofs] == ["errors"]
    assert known.unforeseen == ("latency p95",)
    assert "not foretold: latency p95" in sentence(known, RULES)


ACCURACY = Guardrail(Measure.ACCURACY, None, 1.25, 0.001)
BETTER = Guardrail(Measure.ACCURACY, None, None, None, better=True)


def test_what_labels_tell_is_foretold_by_how_they_come_and_not_by_the_requests() -> None:
    rules = replace(RULES, guardrails=(ERRORS, ACCURACY), objectives=(BETTER,))
    bad = {"errors": 0.0, "accuracy": 0.1, "objective accuracy": 0.1}
    known = forecast(rules, Traffic(100.0, bad, {}, {"accuracy": 1.0, "objective accuracy": 1.0}))
    errors, accuracy = known.proofs
    assert errors.seconds is not None
    assert accuracy.seconds is not None
    assert accuracy.requests is not None

    assert accuracy.seconds == pytest.approx(accuracy.requests / 0.5)
    assert accuracy.seconds > errors.seconds
    assert [better.measure for better in known.betters] == ["objective accuracy"]
    assert {catch.measure for step in known.steps for catch in step.catches} == {"errors"}


def test_while_nobody_knows_how_labels_come_nothing_is_foretold_of_them_and_that_is_said() -> None:
    known = foretold(guardrails=(ERRORS, ACCURACY), objectives=(BETTER,))

    assert known.unforeseen == ("accuracy", "objective accuracy")
    assert known.seconds == foretold().seconds
    assert "not foretold: accuracy, objective accuracy" in sentence(known, RULES)


@pytest.mark.parametrize(("requests", "bad"), [(0.0, 0.0), (-1.0, 0.0), (1.0, 1.0), (1.0, -0.1)])
def test_traffic_that_is_none_is_refused(requests: float, bad: float) -> None:
    with pytest.raises(ValueError, match="more than 0 requests a second, and bad shares from 0 to under 1"):
        foretold(requests, bad)


def events(world: World, reason: str) -> list[tuple[str, str]]:
    return [(event.type, event.message) for plan in world.history for event in plan.events if event.reason == reason]


def test_a_trial_foretells_once_how_long_it_will_take_from_its_own_traffic() -> None:
    world, _ = on_trial(ticks=60, soak="10m")
    [(kind, message)] = events(world, "TrialForetold")

    assert kind == "Normal"
    assert "at 300 requests/s, if the challenger is as good as the champion (errors 0 %)" in message
    assert world.newest_trial.eta["requestsPerSecond"] == pytest.approx(300, rel=0.01)
    assert condition(world, "ProofForeseen") == ("True", "WithinTimeout")


def test_a_timeout_that_is_too_short_for_the_traffic_is_a_warning_and_no_refusal() -> None:
    world, _ = on_trial(ticks=30, soak="2m", timeout="4m")
    [(kind, message)] = events(world, "TrialForetold")

    assert kind == "Warning"
    assert "that is longer than timeout: 4m; errors takes longest; write timeout: 1h" in message
    assert condition(world, "ProofForeseen") == ("False", "TimeoutTooShort")
    assert condition(world, "Ready") == ("True", "TrialRuns")


def test_what_is_left_comes_down_to_nothing_as_the_trial_goes_on() -> None:
    world, _ = on_trial(soak="60s")
    left: list[int] = []
    for _ in range(90):
        world.tick()
        left.append(world.newest_trial.eta["seconds"])

    assert 120 <= left[0] <= 240
    assert all(later <= earlier + 10 for earlier, later in zip(left, left[10:], strict=False))
    assert left[-1] == 0


def test_each_measure_has_a_sentence_with_what_is_missing_in_requests_and_in_time() -> None:
    world, challenger = on_trial(ticks=40, steps=[50], soak="10m", guardrails=[{"measure": "errors", "below": 0.0002}])
    (early,) = world.newest_trial.sentences
    world.run(100)
    (late,) = world.newest_trial.sentences

    assert challenger
    assert early.startswith("errors: challenger 0 % (0 of ")
    assert "more challenger requests to the proof, " in early
    assert early.endswith("at the present rate")
    assert "; proved under 0.0002 after " in late


def test_without_traffic_nothing_is_foretold() -> None:
    world = World(lag=0.0)
    world.apply("1")
    world.run(30, until="Idle")
    world.rate = 0.0
    world.apply("2")
    world.run(30)

    assert world.newest_trial.eta == {}
    assert condition(world, "ProofForeseen")[0] == "absent"


def test_the_rate_is_that_of_the_present_share_without_what_was_dropped_as_it_began() -> None:
    counts = [(0, 5, 0), (2, 5, 200), (40, 5, 4000), (42, 50, 4000), (44, 50, 4000), (46, 50, 4200), (66, 50, 8200)]
    series = tuple({"at": at, "share": share, "measures": [[0, seen, 0, 0, 0, 0]]} for at, share, seen in counts)

    assert requests_per_second(series[:3]) == pytest.approx(100)
    assert requests_per_second(series[:6]) is None
    assert requests_per_second(series) == pytest.approx(200)
