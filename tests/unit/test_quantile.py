import json
import math
import random
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.api import Guardrail, Measure
from contender.ladder import EDGES
from contender.observation import Counters
from contender.rollout.counting import Interval
from contender.rollout.measure_evidence import MeasureEvidence
from contender.rollout.quantile import QuantileTest, TimesPair
from contender.rollout.times import BEYOND, Times, seconds

P95 = Guardrail(Measure.LATENCY, None, 1.2, None, quantile=0.95)
FASTER = Guardrail(Measure.LATENCY, None, None, None, quantile=0.5, better=True)

unhurried = settings(deadline=None)  # a busy machine fails no test
histograms = st.lists(st.integers(0, 20), min_size=len(EDGES) + 1, max_size=len(EDGES) + 1).map(
    lambda between: Times(sum(between), tuple(accumulate(between[:-1])))
)


def drawn(dice: random.Random, number: int, middle: float) -> Times:
    """Answers whose times are lognormal, as services' are, about `middle` seconds."""
    taken = sorted(middle * dice.lognormvariate(0, 0.5) for _ in range(number))
    return Times(number, tuple(sum(time <= edge for time in taken) for edge in EDGES))


def two_bounds(within_first: int, of: int, first: float, last: float) -> Times:
    """So many of all answers within the edge `first`, the rest within `last`."""
    return Times(of, tuple(of if edge >= last else within_first if edge >= first else 0 for edge in EDGES))


def trial(seed: int, challenger: float, looks: int, guardrail: Guardrail = P95) -> MeasureEvidence:
    """The champion's times are about 100 ms, the challenger's so many times as long; 250 answers of each a look."""
    dice, measure = random.Random(seed), MeasureEvidence(guardrail)
    for _ in range(looks):
        measure = measure.absorb_times(TimesPair(drawn(dice, 250, 0.1), drawn(dice, 250, 0.1 * challenger)))
    return measure


def test_a_quantile_that_is_as_good_is_proved_and_one_that_is_half_as_long_again_is_a_breach() -> None:
    equal, slower = trial(1, 1.0, 40), trial(1, 1.5, 40)

    assert equal.proof() >= 20 > equal.breach()
    assert slower.breach() >= 20 > slower.proof()


@pytest.mark.parametrize("place", [0.1, 0.105, 0.11, 0.115, 0.12, 0.13, 0.14])
def test_wherever_the_quantile_lies_between_the_edges_a_margin_of_a_fifth_can_be_proved(place: float) -> None:
    dice, middle = random.Random(2), place / math.exp(1.645 * 0.5)
    measure = MeasureEvidence(P95)
    for _ in range(20):
        measure = measure.absorb_times(TimesPair(drawn(dice, 2000, middle), drawn(dice, 2000, middle)))

    assert measure.proof() >= 20


def test_a_challenger_on_the_margin_is_rarely_decided_on_however_often_one_looks() -> None:
    """Its 95th percentile is at 120 ms, the champion's at 100 ms, both on an edge: the least favourable case."""
    dice, runs, breached, proved = random.Random(3), 120, 0, 0
    for _ in range(runs):
        measure, breaches, proofs = MeasureEvidence(P95), [0.0], [0.0]
        for _ in range(40):
            theirs, ours = (sum(dice.random() < 0.95 for _ in range(100)) for _ in range(2))
            seen = TimesPair(two_bounds(theirs, 100, 0.1, 30), two_bounds(ours, 100, 0.12, 30))
            measure = measure.absorb_times(seen)
            breaches, proofs = [*breaches, measure.breach()], [*proofs, measure.proof()]
        breached, proved = breached + (max(breaches) >= 20), proved + (max(proofs) >= 20)

    assert breached / runs <= 0.05
    assert proved / runs <= 0.05


@pytest.mark.parametrize("part", [0.5, 0.9])
def test_on_the_margin_no_e_value_is_expected_to_gain(part: float) -> None:
    """Exact, over all outcomes: each variant's quantile is just at an edge, the challenger's the second next one."""
    chances = [math.comb(30, k) * part**k * (1 - part) ** (30 - k) for k in range(31)]
    breach = proof = 0.0
    for theirs, their_chance in enumerate(chances):
        for ours, our_chance in enumerate(chances):
            seen = TimesPair(two_bounds(theirs, 30, 0.1, 30), two_bounds(ours, 30, 0.12, 30))
            test = QuantileTest().absorb(seen)
            breach += their_chance * our_chance * math.exp(test.log_breach(part, 1.2))
            proof += their_chance * our_chance * math.exp(test.log_proof(part, 1.2, 1.0))

    assert breach <= 1
    assert proof <= 1


@unhurried
@given(histograms, histograms, st.integers(1, BEYOND), st.integers(1, 30))
def test_slower_answers_of_the_challenger_never_weaken_a_breach_or_strengthen_a_proof(
    champion: Times, challenger: Times, from_place: int, number: int
) -> None:
    within = tuple(
        max(0, count - number) if place < from_place else count for place, count in enumerate(challenger.within)
    )
    slower = Times(challenger.all, tuple(accumulate(within, max)))
    before, after = (MeasureEvidence(P95).absorb_times(TimesPair(champion, ours)) for ours in (challenger, slower))

    assert after.breach() >= before.breach() * (1 - 1e-9)
    assert after.proof() <= before.proof() * (1 + 1e-9)


@unhurried
@given(histograms, histograms)
def test_whoever_is_called_the_champion_the_ratio_s_bounds_are_the_same_seen_from_the_other_side(
    one: Times, other: Times
) -> None:
    forth = QuantileTest().absorb(TimesPair(one, other)).ratio_interval(0.5, 0.8)
    back = QuantileTest().absorb(TimesPair(other, one)).ratio_interval(0.5, 0.8)

    if forth and back and forth[0]:
        assert back == pytest.approx((1 / forth[1], 1 / forth[0]))


@unhurried
@given(histograms, st.floats(0.01, 0.99), st.floats(0.5, 0.999))
def test_the_limits_hold_the_quantile_that_was_seen(times: Times, part: float, confidence: float) -> None:
    lower, upper = times.limits(part, confidence)

    assert lower < seconds(times.at_least(part)) <= upper or not times.all


@unhurried
@given(st.lists(st.tuples(histograms, histograms), min_size=1, max_size=4))
def test_times_that_went_through_the_trial_object_go_on_as_the_very_same(seen: list[tuple[Times, Times]]) -> None:
    kept = restored = MeasureEvidence(P95)
    for champion, challenger in seen:
        kept = kept.absorb_times(TimesPair(champion, challenger))
        restored = MeasureEvidence.parse(json.loads(json.dumps(restored.dump(0.95), allow_nan=False)), P95)
        restored = restored.absorb_times(TimesPair(champion, challenger))

    assert restored == kept


def test_how_the_answers_are_cut_into_looks_changes_no_e_value() -> None:
    dice = random.Random(5)
    seen = [TimesPair(drawn(dice, 100, 0.1), drawn(dice, 100, 0.12)) for _ in range(6)]
    apart = MeasureEvidence(P95)
    for one in seen:
        apart = apart.absorb_times(one)
    at_once = MeasureEvidence(P95).absorb_times(list(accumulate(seen))[-1])

    assert (apart.breach(), apart.proof()) == (at_once.breach(), at_once.proof())


def test_a_faster_challenger_is_shown_to_be_better_and_an_equal_one_is_not() -> None:
    assert trial(6, 0.8, 40, FASTER).proof() >= 20
    assert trial(6, 1.0, 40, FASTER).proof() < 20


def test_a_new_step_forgets_the_proof_and_keeps_the_breach() -> None:
    slower = trial(1, 1.5, 20)

    assert slower.begin_step().proof() == 0
    assert slower.begin_step().breach() == slower.breach() > 20


def test_a_router_that_does_not_have_an_edge_yet_lets_no_variant_look_slower() -> None:
    old = (0.1, 0.15, 0.2, 30.0)
    counters = Counters(1000, timed=1000, faster={0.1: 900, 0.15: 960, 0.2: 980, 30.0: 1000, 0.11: 0, 0.12: 0})
    times = Times.of(counters)

    assert all(earlier <= later for earlier, later in zip(times.within, times.within[1:], strict=False))
    assert all(times.within[EDGES.index(edge)] <= counters.faster[edge] for edge in old)
    assert MeasureEvidence(P95).take_in(Interval(counters, counters)).breach() == 0


def test_a_timeout_is_over_every_edge() -> None:
    times = Times.of(Counters(completed=10, errors=4, timeouts=4, timed=6, faster=dict.fromkeys(EDGES, 6)))

    assert (times.all, times.within[-1]) == (10, 6)
    assert times.at_least(0.9) == BEYOND


def test_the_summary_tells_both_quantiles_their_limits_and_the_ratio() -> None:
    summary = trial(1, 1.5, 20).summary(0.95)

    assert summary.startswith("95 % of the challenger's answers come within 360ms [")
    assert " of the champion's within 240ms [" in summary
    assert ", ratio 1.5 [1." in summary


def test_nothing_is_told_of_times_that_nobody_has_seen() -> None:
    measure = MeasureEvidence(P95)

    assert (measure.breach(), measure.proof(), measure.needed(0.95)) == (0, 0, None)
    assert "in an unknown time" in measure.summary(0.95)
    assert measure.name == "latency p95"


def test_what_is_needed_brings_the_proof() -> None:
    measure = trial(8, 1.0, 4)
    enough = 1 + (measure.needed(0.95) or math.nan) / 1000

    def proof(times: float) -> float:
        pair = measure.times.step
        grown = (
            Times(round(times * t.all), tuple(round(times * n) for n in t.within))
            for t in (pair.champion, pair.challenger)
        )
        return MeasureEvidence(P95).absorb_times(TimesPair(*grown)).proof()

    assert proof(0.8 * enough) < 20 < proof(1.2 * enough)
