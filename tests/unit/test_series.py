"""The course of a trial in few points, and a Trial that stays small."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contender.api import Guardrail, Measure, Trial
from contender.ladder import EDGES
from contender.observation import Counters, Labelled, Labels, Route, RouterPod
from contender.rollout import look, series
from contender.rollout.commands import Commands
from contender.rollout.counting import Count
from contender.rollout.evidence import Evidence
from contender.rollout.labels import Heard
from contender.rollout.room import LARGEST
from tests.unit.test_guards import on_trial
from tests.unit.world import World

ERRORS = Guardrail(Measure.ERRORS, None, 1.25, 0.001)
OVERS = ("100ms", "150ms", "250ms", "500ms", "1s", "2500ms")
EIGHT = [
    {"measure": "errors", "noWorseThan": 1.25, "below": 0.001},
    {"measure": "rejected", "noWorseThan": 1.25, "below": 0.001},
    *({"measure": "latency", "over": over, "noWorseThan": 1.25, "below": 0.01} for over in OVERS),
]
WEEK = 7 * 24 * 3600.0


def points(looks: Sequence[tuple[float, int]], room: int = 10**6) -> series.Series:
    kept: series.Series = ()
    for at, share in looks:
        kept = series.fitted(
            series.extended(kept, {"at": at, "share": share, "measures": [[0, 0, 0, 0, 1.0, 1.0]]}), room
        )
    return kept


looks = st.lists(st.tuples(st.integers(-10, 100), st.sampled_from([5, 25, 50])), min_size=1, max_size=700)


@given(looks, st.integers(0, 20_000))
def test_whatever_the_looks_the_series_is_bounded_in_order_and_ends_with_the_newest(
    looks: list[tuple[float, int]], room: int
) -> None:
    at, passed = 0.0, []
    for step, share in looks:
        at += step
        passed.append((at, share))
    kept = points(passed, room)

    assert len(kept) <= series.POINTS
    assert len(kept) <= series.LEAST or series.size(kept) <= room
    assert all(earlier["at"] <= later["at"] for earlier, later in pairwise(kept))
    assert kept[-1]["share"] == passed[-1][1]


def test_points_are_spread_over_the_whole_trial() -> None:
    kept = points([(at, 5) for at in range(0, 10_000, 5)])
    gaps = [later["at"] - earlier["at"] for earlier, later in pairwise(kept)]

    assert kept[0]["at"] == 0
    assert kept[-1]["at"] == 9_995
    assert series.POINTS / 2 <= len(kept) <= series.POINTS
    assert max(gaps) <= 3 * min(gaps[:-1])


def test_what_was_last_seen_at_a_share_stays_when_the_next_begins() -> None:
    looks = [(at, 5) for at in range(0, 4000, 5)] + [(at, 25) for at in range(4000, 4500, 5)]

    assert any(point["at"] > 3900 and point["share"] == 5 for point in points(looks))


def test_a_point_has_the_counts_of_the_trial_and_the_e_values() -> None:
    (measure,) = Evidence.begin([ERRORS]).measures
    evidence = Evidence((measure.absorb(Count(4, 1000), Count(5, 1000)),))
    point = series.point(evidence, 50, 12.4)

    assert (point["at"], point["share"]) == (12, 50)
    assert point["measures"][0][:4] == [4, 1000, 5, 1000]


def test_the_series_of_a_trial_tells_its_steps() -> None:
    world, _ = on_trial(ticks=40, soak="20s")

    assert next(point["share"] for point in world.newest_trial.series if point["share"]) == 5
    assert {5, 25, 50} <= {point["share"] for point in world.newest_trial.series}


def sight(world: World, trial: Trial, at: float, number: int) -> look.Sight:
    """What is seen at a moment of a busy week: 1,000 requests/s, and something else to wait for every hour."""
    answers = int(at * 250) + 1
    counters = Counters(
        answers, answers // 1000, answers // 200, answers // 100, answers // 500, answers, fast(answers), answers
    )
    route = Route(trial.champion.variant, trial.challenger.variant, look.share(trial))
    names = {trial.champion.variant: counters, trial.challenger.variant: counters}
    uids = ("6f1c7a52-2a5b-4a54-8a5f-0a4d6f7f9a01", "6f1c7a52-2a5b-4a54-8a5f-0a4d6f7f9a02")
    pods = [RouterPod(uid, uid, at + 10, True, route, frozenset(names), {}, names) for uid in uids]
    seen = world.see()
    return look.Sight(
        now=world.now + timedelta(seconds=at),
        challenger=seen.variants[trial.challenger.variant],
        champion_ready=True,
        champion_replicas=3,
        capacity=1,
        pods=pods,
        silent=("contender-router-6d5f7c9b8-abcde",) if number % 7 == 3 else (),
        recordings={},
        share_is_live=True,
        commands=Commands(pause=number % 5 == 2),
        settled=False,
        by_user=False,
        heard=Heard(told(trial, answers)),
    )


def told(trial: Trial, answers: int) -> Labels | None:
    """One answer in ten has a label, and each of them is of every class."""
    windows = Evidence.of(trial).ledger.windows
    judged = sum(each.labelled for each in trial.rules.guardrails)
    each = Labelled(answers // 10, ((answers // 1000, answers // 10),) * judged)
    both = (trial.champion.variant, trial.challenger.variant)
    return Labels({window.since: dict.fromkeys(both, each) for window in windows}) if windows else None


def fast(answers: int) -> Mapping[float, int]:
    return {edge: int(answers * (1 - 0.3 ** (1 + 10 * edge))) for edge in EDGES}


def whole(world: World) -> dict[str, Any]:
    found: dict[str, Any] = list(world.trials.values())[-1]
    return found


def after_a_week(guardrails: Sequence[dict[str, Any]] = EIGHT) -> tuple[World, Trial]:
    """Every look of the first and the last ten minutes, and some of those between, each with the counts of its time."""
    world, _ = on_trial(guardrails=guardrails, steps=[50], timeout="1000h")
    moments = [*range(5, 600, 5), *range(600, int(WEEK) - 600, 1500), *range(int(WEEK) - 600, int(WEEK), 5)]
    trial = world.newest_trial
    for number, at in enumerate(moments):
        trial = look.again(trial, sight(world, trial, at, number // 20))
    world.carry_out(replace(world.history[-1], trial=trial, begins=None))
    return world, trial


def test_a_trial_of_a_week_with_eight_guardrails_and_looks_every_5_s_stays_under_16_kb() -> None:
    world, trial = after_a_week()
    raw = whole(world)

    assert len(json.dumps(raw, separators=(",", ":"))) < LARGEST
    assert len(trial.decisions) >= 3
    assert len(trial.series) >= 3
    assert Trial.parse(raw).evidence == trial.evidence


def test_the_standby_of_a_trial_with_eight_guardrails_stays_under_16_kb() -> None:
    world, _ = on_trial(guardrails=EIGHT, soak="30s", standby="2h")
    world.rate = 3000.0
    world.run(100, until="Standby")
    world.run(50)

    assert world.status["phase"] == "Standby"
    assert len(json.dumps(whole(world), separators=(",", ":"))) < LARGEST


def test_a_trial_of_before_there_was_a_series_is_read_and_goes_on() -> None:
    world, _ = on_trial(soak="10m")
    status = whole(world)["status"]
    for field in ("series", "soakedSeconds"):
        del status[field]
    del status["evidence"]["split"]
    for decision in status["decisions"]:
        decision.pop("facts", None)
    before = status["evidence"]["measures"][0]["challenger"]["exposures"]
    world.run(5)

    assert world.newest_trial.series
    assert world.newest_trial.evidence["measures"][0]["challenger"]["exposures"] > before
