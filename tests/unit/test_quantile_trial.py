"""A trial that guards a quantile, from the routers' counters to the standby."""

import json
from dataclasses import replace
from itertools import accumulate
from typing import Any

import pytest

from contender.api import Guardrail, Measure, Phase
from contender.ladder import EDGES
from contender.observation import Counters, Route, RouterPod
from contender.rollout.counting import Count
from contender.rollout.evidence import Evidence
from contender.rollout.measure_evidence import MeasureEvidence
from contender.rollout.quantile import TimesPair
from contender.rollout.times import Times
from contender.rollout.watch import Watch
from tests.unit.test_quantile import P95, two_bounds
from tests.unit.world import World

ERRORS = Guardrail(Measure.ERRORS, None, 1.25, 0.001)
SLOW = Guardrail(Measure.LATENCY, "250ms", 2, 0.01)
RULES: dict[str, Any] = {"guardrails": [{"measure": "latency", "quantile": 0.95, "noWorseThan": 1.2}]}


def pod(answers: int) -> RouterPod:
    """Each variant has so many answers, evenly up to the last edge."""
    faster = dict(zip(EDGES, accumulate([answers // len(EDGES)] * len(EDGES)), strict=True))
    counters = dict.fromkeys(("a", "b"), Counters(answers, timed=answers, faster=faster))
    return RouterPod("r", "uid", float(answers), True, Route("a", "b", 50), frozenset("ab"), {}, counters)


@pytest.mark.parametrize(
    ("guardrails", "edges"), [([ERRORS], set()), ([ERRORS, SLOW], {0.25}), ([SLOW, P95], set(EDGES))]
)
def test_the_trial_keeps_only_those_counters_that_a_guardrail_reads(
    guardrails: list[Guardrail], edges: set[float]
) -> None:
    evidence = Evidence.begin(guardrails).absorb([pod(0)], "a", "b", 50).absorb([pod(1140)], "a", "b", 50)
    (cursor,) = evidence.cursors

    assert set(cursor.counters["b"].faster) == edges
    assert evidence.challenger_requests == 1140


def test_counters_that_an_earlier_version_kept_beside_do_not_pass_for_a_reset() -> None:
    begun = Evidence.begin([SLOW]).absorb([pod(1140)], "a", "b", 50)
    whole = {
        name: replace(each, faster=pod(1140).counters[name].faster) for name, each in begun.cursors[0].counters.items()
    }
    earlier = replace(begun, cursors=(replace(begun.cursors[0], counters=whole),)).dump(0.95)
    after = Evidence.parse(json.loads(json.dumps(earlier)), [SLOW]).absorb([pod(2280)], "a", "b", 50)

    assert after.challenger_requests == 1140
    assert not after.dropped


def test_a_new_process_goes_on_with_the_same_counters_though_the_trial_keeps_only_the_edges_that_tell_them_apart() -> (
    None
):
    faster = {edge: 900 if edge >= 0.1 else 30 if edge >= 0.05 else 0 for edge in EDGES}
    seen = replace(pod(1000), counters=dict.fromkeys("ab", Counters(1000, timed=1000, faster=faster)))
    evidence = Evidence.begin([P95]).absorb([pod(0)], "a", "b", 50).absorb([seen], "a", "b", 50)
    dumped = json.loads(json.dumps(evidence.dump(0.95)))

    assert {"0.05": 30, "0.1": 900} in dumped["cursors"][0]["counters"]["a"]
    assert Evidence.parse(dumped, [P95]) == evidence


def test_an_equal_challenger_is_promoted() -> None:
    world = World()
    world.apply("1", **RULES)
    world.run(30, until="Idle")
    world.apply("2", standby="20s", **RULES)
    world.run(200, until="Standby")
    world.run(20, until="Idle")

    assert world.newest_trial.phase is Phase.PROMOTED
    assert world.newest_trial.watches[0]["over"] == "120ms"
    assert "95 % of the challenger's answers come within" in world.newest_trial.decisions[-1]["message"]


def test_after_promotion_a_quantile_is_a_share_slower_than_the_old_champion_s_limit_and_its_margin() -> None:
    """Of 10,000 answers 9,600 came within 100 ms, so the quantile is no later for sure; a fifth more are 120 ms."""
    times = two_bounds(9_600, 10_000, 0.1, 30)
    watch = Watch.begin(MeasureEvidence(P95).absorb_times(TimesPair(times, times)), 0.95)
    restored = Watch.parse(json.loads(json.dumps(watch.dump())), MeasureEvidence(P95))

    assert (watch.guardrail.over, watch.guardrail.quantile) == ("120ms", None)
    assert watch.bound == pytest.approx(0.05)
    assert restored.absorb(Count(50, 1000)).breach(600) < 1
    assert restored.absorb(Count(200, 1000)).breach(600) >= 20


def test_after_promotion_nothing_is_too_slow_when_the_old_champion_s_times_are_not_known() -> None:
    watch = Watch.begin(MeasureEvidence(P95), 0.95)

    assert watch.bound is None
    assert watch.absorb(Count(1000, 1000)).breach(600) == 0
    assert Times().limits(0.95, 0.95)[1] > EDGES[-1]
