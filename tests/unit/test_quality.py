"""Quality after promotion: when labels show that the champion breaks a bound, and when nothing is said."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.api import Measure, Monitoring, QualityBound
from contender.conditions import Type
from contender.measure import Silent
from contender.measure.ledger import Ledger
from contender.observation import Counters, Labelled, Labels, RouterPod
from contender.reconcile import with_quality
from contender.rollout import quality
from contender.rollout.bounds import BETTER, WORSE, YEAR, Judged
from contender.rollout.counting import Count
from contender.rollout.coverage import Served
from contender.rollout.labels import Heard, Question
from tests.unit.test_evidence_error_rates import drawn
from tests.unit.world import World

ACCURACY = QualityBound(Measure.ACCURACY, None, None, 0.08)
WATCHED: dict[str, Any] = {"window": "20m", "quality": [{"measure": "accuracy", "below": 0.08}]}
MINUTE = 30  # ticks
LOOKS = 200


def watched(wrong: float = 0.04, monitoring: dict[str, Any] = WATCHED) -> tuple[World, str]:
    """A world in whose champion one answer in 25 is wrong, unless told otherwise; its hash."""
    world = World(lag=0.0, rate=10.0, monitoring=monitoring)
    champion = world.apply("1")
    world.wrong, world.delay = {champion: wrong}, 5.0
    world.run(30, until="Idle")
    return world, champion


def condition(world: World) -> tuple[str, str]:
    found = {c["type"]: (c["status"], c["reason"]) for c in world.status["conditions"]}
    return found[str(Type.QUALITY_KEPT)]


def said(world: World) -> str:
    return next(str(c["message"]) for c in world.status["conditions"] if c["type"] == Type.QUALITY_KEPT)


def events(world: World) -> list[tuple[str, str]]:
    reasons = {"QualityIsKept", "QualityIsBroken", "LabelsAreAwaited", "LedgerIsSilent"}
    return [(event.type, event.reason) for plan in world.history for event in plan.events if event.reason in reasons]


def writes(world: World, ticks: int) -> int:
    """How often status was written."""
    before = len(world.history)
    world.run(ticks)
    told = [json.dumps(plan.status, sort_keys=True) for plan in world.history[before - 1 :]]
    return sum(one != other for one, other in pairwise(told))


def breaks_within(
    rate: Callable[[int], float], bound: float, dice: Random, *, years: float, window: int = 50
) -> int | None:
    """At which of `LOOKS` looks, of 20 labels each and all together `years` long, a bound is told to be broken."""
    judged, history = Judged(replace(ACCURACY, below=bound)), [Count()]
    for look in range(LOOKS):
        came = Count(drawn(dice, 20, rate(look)), 20)
        history = [*history, came][-window:]
        judged = judged.again(came, sum(history, Count()), years / LOOKS, 1)
        if judged.broken:
            return look
    return None


@pytest.mark.parametrize("bound", [0.01, 0.08, 0.3])
def test_false_alarms_are_as_rare_as_promised_where_the_champion_is_just_at_its_bound(bound: float) -> None:
    dice, runs = Random(7), 200
    alarms = sum(breaks_within(lambda _: bound, bound, dice, years=0.1) is not None for _ in range(runs))

    assert alarms <= 0.1 * runs


def test_a_doubling_over_the_bound_is_shown_by_a_few_hundred_labels_however_good_it_was_before() -> None:
    dice = Random(7)
    told = [
        breaks_within(lambda look: 0.02 if look < 100 else 0.16, 0.08, dice, years=0.002, window=10) for _ in range(30)
    ]
    labels = sorted(20 * ((LOOKS if look is None else look) - 99) for look in told)

    assert min(labels) > 0
    assert labels[len(labels) // 2] <= 450


@given(
    st.lists(st.tuples(st.integers(-3, 20), st.integers(-3, 20)), max_size=30),
    st.floats(0.001, 0.9),
    st.integers(1, 8),
)
@settings(max_examples=100)
def test_a_bound_is_only_told_broken_while_the_window_is_over_it(
    counts: list[tuple[int, int]], below: float, among: int
) -> None:
    judged = Judged(replace(ACCURACY, below=below))
    for events_, rest in counts:
        before, came = judged, Count(events_, events_ + rest)
        seen = Count(max(0, came.events), max(0, came.events) + max(0, rest))
        judged = judged.again(came, seen, 60 / YEAR, among)
        if judged.broken and not before.broken:
            assert (seen.rate or 0) > below
        if before.broken and not judged.broken:
            assert (seen.rate or 0) <= below
        assert Judged.parse(json.loads(json.dumps(judged.dump())), judged.bound) == judged


def test_late_labels_of_the_wrong_answers_that_come_in_one_heap_break_nothing() -> None:
    judged = Judged(ACCURACY).again(Count(100, 10_000), Count(100, 10_000), 0.01, 1)
    heap = judged.again(Count(300, 1000), Count(400, 11_000), 60 / YEAR, 1)

    assert not heap.broken
    assert max(heap.bets) > 20


def test_what_is_broken_stays_so_until_labels_show_that_it_is_kept_again() -> None:
    broken = Judged(ACCURACY).again(Count(300, 1000), Count(300, 1000), 0.01, 1)
    just_under = broken.again(Count(7, 100), Count(7, 100), 60 / YEAR, 1)
    nothing = broken.again(Count(), Count(), 60 / YEAR, 1)
    good = broken.again(Count(20, 1000), Count(20, 1000), 60 / YEAR, 1)

    assert broken.broken
    assert just_under.broken
    assert nothing.broken
    assert not good.broken


def test_labels_that_were_replaced_are_shown_and_bet_on_by_nobody() -> None:
    before = Judged(ACCURACY).again(Count(10, 1000), Count(10, 1000), 0.01, 1)
    after = before.again(Count(500, 0), Count(510, 1000), 60 / YEAR, 1)

    assert after.bets == before.bets
    assert after.seen.rate == 0.51


def test_an_operator_of_another_version_bets_anew() -> None:
    raw = {**Judged(ACCURACY, bets=(1.0, 2.0)).dump()}

    assert Judged.parse(raw, ACCURACY).bets == ()
    assert len(WORSE.factors) != len(BETTER.factors)


def test_without_labels_nothing_is_said() -> None:
    world, champion = watched()
    world.delay = None
    world.batches.clear()
    world.run(5 * MINUTE)

    assert condition(world) == ("Unknown", "LabelsAreAwaited")
    assert events(world) == []
    assert world.status["quality"]["variant"] == champion
    assert "rate" not in world.status["quality"]["measures"][0]


def test_a_champion_that_keeps_its_bound_is_shown_with_its_numbers() -> None:
    world, _ = watched()
    world.run(20 * MINUTE)
    told = world.status["quality"]

    assert condition(world) == ("True", "QualityIsKept")
    assert told["measures"][0]["low"] < 0.04 < told["measures"][0]["high"] < 0.08
    assert told["labelled"] > 10_000
    assert told["delaySeconds"] == 90
    assert told["coverage"] > 0.9
    assert "half of the labels come within 90 s" in said(world)
    assert events(world) == [("Normal", "QualityIsKept")]


def test_a_champion_that_becomes_worse_is_told_and_again_once_it_is_well() -> None:
    world, champion = watched()
    world.run(20 * MINUTE)
    world.wrong[champion] = 0.3
    world.run(20 * MINUTE)
    broken, message, ready = condition(world), said(world), world.status["conditions"][0]
    world.wrong[champion] = 0.02
    world.run(25 * MINUTE)

    assert broken == ("False", "QualityIsBroken")
    assert "accuracy" in message
    assert "bound 8 %" in message
    assert ready["status"] == "True"
    assert condition(world) == ("True", "QualityIsKept")
    assert events(world) == [("Normal", "QualityIsKept"), ("Warning", "QualityIsBroken"), ("Normal", "QualityIsKept")]


def test_the_verdict_stands_while_no_labels_come() -> None:
    world, champion = watched()
    world.run(5 * MINUTE)
    world.wrong[champion] = 0.5
    world.run(15 * MINUTE)
    world.delay = None
    world.run(30 * MINUTE)

    assert condition(world) == ("False", "QualityIsBroken")
    assert world.status["quality"]["labelled"] == 0


def test_a_ledger_that_is_silent_for_long_is_said_and_a_restart_of_it_is_not() -> None:
    world, _ = watched()
    world.run(10 * MINUTE)
    world.silence = "it is away"
    world.run(3 * MINUTE)
    shortly = condition(world)
    world.run(10 * MINUTE)
    long = condition(world)
    world.silence = None
    world.run(2 * MINUTE)

    assert shortly == ("True", "QualityIsKept")
    assert long == ("Unknown", "LedgerIsSilent")
    assert condition(world) == ("True", "QualityIsKept")
    assert "silence" not in world.status["quality"]
    assert events(world)[1:] == [("Warning", "LedgerIsSilent"), ("Normal", "QualityIsKept")]


def test_a_silent_ledger_hides_no_broken_bound() -> None:
    world, champion = watched()
    world.wrong[champion] = 0.5
    world.run(15 * MINUTE)
    world.silence = "it is away"
    world.run(15 * MINUTE)

    assert condition(world) == ("False", "QualityIsBroken")
    assert "the ledger is silent since" in said(world)


def test_status_is_written_every_few_minutes_and_never_when_no_label_comes() -> None:
    world, _ = watched()
    world.run(5 * MINUTE)
    busy = writes(world, 20 * MINUTE)
    world.delay, world.rate = None, 0.0
    world.run(25 * MINUTE)

    assert 9 <= busy <= 11
    assert writes(world, 30 * MINUTE) == 0


def test_the_ledger_is_asked_once_a_minute_and_not_at_all_without_monitoring() -> None:
    world, _ = watched()
    world.run(10 * MINUTE)
    rest = World(lag=0.0)
    rest.apply("1")
    rest.run(30, until="Idle")

    assert {plan.look_again for plan in world.history[-5:]} == {60.0}
    assert {plan.look_again for plan in rest.history[-1:]} == {300.0}
    assert "quality" not in rest.status
    assert str(Type.QUALITY_KEPT) not in {c["type"] for c in rest.status["conditions"]}


def test_a_new_champion_is_judged_anew_by_its_own_labels() -> None:
    world, champion = watched()
    world.wrong[champion], world.rate = 0.5, 100.0
    world.run(15 * MINUTE)
    broken = condition(world)
    challenger = world.apply("2", guardrails=[{"measure": "errors", "noWorseThan": 1.5, "below": 0.05}])
    world.wrong[challenger] = 0.01
    world.run(20 * MINUTE, until="Idle")
    world.run(5 * MINUTE)

    assert broken == ("False", "QualityIsBroken")
    assert world.status["quality"]["variant"] == challenger
    assert condition(world) == ("True", "QualityIsKept")


def test_labels_of_who_was_champion_a_moment_ago_tell_nothing_of_the_next() -> None:
    world, champion = watched()
    world.run(5 * MINUTE)
    owner, labels = world.owner, Labels({0: {champion: Labelled(10, ((1, 10),))}})
    told = quality.again(owner, "next", Heard(labels), (), world.now)

    assert told is not None
    assert (told.variant, told.looked_at) == ("next", None)


def test_a_bound_that_is_moved_is_judged_by_the_labels_that_are_there() -> None:
    world, _ = watched(wrong=0.3, monitoring={**WATCHED, "quality": [{"measure": "accuracy", "below": 0.5}]})
    world.run(15 * MINUTE)
    kept = condition(world)
    world.monitoring = WATCHED
    world.apply("1")
    world.run(2 * MINUTE)

    assert kept == ("True", "QualityIsKept")
    assert condition(world) == ("False", "QualityIsBroken")


def test_monitoring_that_is_taken_away_leaves_nothing() -> None:
    world, _ = watched()
    world.run(5 * MINUTE)
    world.monitoring = None
    world.apply("1")
    world.run(2)

    assert "quality" not in world.status
    assert str(Type.QUALITY_KEPT) not in {c["type"] for c in world.status["conditions"]}


def test_a_write_that_is_lost_loses_no_label() -> None:
    world, champion = watched()
    world.run(5 * MINUTE)
    told = world.status["quality"]
    for _ in range(10 * MINUTE):
        world.tick(lost=True)
    missed = world.status["quality"]
    world.wrong[champion] = 0.0
    world.run(2 * MINUTE)

    assert missed == told
    assert world.status["quality"]["labelled"] > told["labelled"]


def test_a_short_window_is_asked_for_more_often() -> None:
    bounds = {"quality": [{"measure": "accuracy", "below": 0.08}]}

    assert [quality.every(_monitoring({**bounds, "window": each})) for each in ("1m", "5m", "24h")] == [6.0, 30.0, 60.0]


def _monitoring(raw: dict[str, Any]) -> Monitoring:
    return Monitoring.parse(raw)


NOW = datetime(2026, 1, 1, tzinfo=UTC)
WINDOW = timedelta(hours=1)


def pod(uid: str, completed: int, errors: int = 0) -> RouterPod:
    counters = {"a": Counters(completed=completed, errors=errors)}
    return RouterPod(uid, uid, 1.0, listening=True, route=None, clusters=frozenset(), active={}, counters=counters)


def test_coverage_is_of_the_answers_that_routers_counted_since() -> None:
    begun = Served.begin(NOW).again([pod("one", 1000), pod("two", 50)], "a")
    later = begun.again([pod("one", 1300, errors=100)], "a").again([pod("two", 150), pod("one", 1300, 100)], "a")

    assert begun.coverage(0) is None
    assert later.answers == 200 + 100
    assert later.coverage(150) == 0.5
    assert later.coverage(400) == 1.0


def test_a_router_that_began_anew_is_counted_from_then_on() -> None:
    begun = Served.begin(NOW).again([pod("one", 1000)], "a")

    assert begun.again([pod("one", 30)], "a").answers == 30
    assert begun.again([pod("one", 1000), pod("new", 500)], "a").answers == 0


def test_coverage_is_of_the_last_window_or_two() -> None:
    hours = [Served.begin(NOW)]
    for hour in range(1, 6):
        counted = hours[-1].again([pod("one", 100 * hour)], "a")
        hours.append(counted.aged(NOW + hour * WINDOW, WINDOW))

    assert [served.since for served in hours[2:]] == [NOW + hour * WINDOW for hour in range(1, 5)]
    assert hours[-1].answers == 100


class Told:
    """A ledger that tells what it is made to, or nothing."""

    def __init__(self, told: Labels | None) -> None:
        self.told, self.questions = told, list[Question]()
        self.rested = Ledger(SimpleNamespace(), SimpleNamespace()).rested  # type: ignore[arg-type]

    async def labels(self, namespace: str, deployment: str, question: Question) -> Labels:
        assert (namespace, deployment) == ("team", "churn")
        self.questions.append(question)
        if self.told is None:
            raise Silent("it is away")
        return self.told


@pytest.mark.parametrize(
    ("told", "silence"), [(Labels({}), None), (None, "contender-ledger gives no answer")], ids=["tells", "silent"]
)
def test_the_ledger_is_asked_of_the_champion_and_not_again_within_the_minute(
    told: Labels | None, silence: str | None
) -> None:
    world, champion = watched()
    ledger = Told(told)
    outside: Any = SimpleNamespace(ledger=ledger, ledgers=SimpleNamespace(problem=lambda _: None))
    before = replace(world.see(), quality=None, quality_silence=None)
    first = asyncio.run(with_quality(outside, before))
    again = asyncio.run(with_quality(outside, replace(before, now=before.now + timedelta(seconds=59))))
    later = asyncio.run(with_quality(outside, replace(before, now=before.now + timedelta(seconds=60))))

    assert (first.quality, first.quality_silence) == (told, silence)
    assert (again.quality, again.quality_silence) == (None, None)
    assert later.quality == told
    assert [question.variants for question in ledger.questions] == [(champion,)] * 2
    assert all(question.delays for question in ledger.questions)


def test_whoever_is_not_watched_costs_no_question() -> None:
    world = World()
    world.apply("1")
    ledger = Told(None)
    outside: Any = SimpleNamespace(ledger=ledger)
    asyncio.run(with_quality(outside, world.see()))

    assert ledger.questions == []
