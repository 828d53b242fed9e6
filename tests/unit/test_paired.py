import math
import random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.api import Guardrail, Measure
from contender.rollout.counting import Count
from contender.rollout.evidence import Evidence
from contender.rollout.measure_evidence import MeasureEvidence
from contender.rollout.paired import NO_PAIRS, STAKES, Paired

RATIO = Guardrail(Measure.ERRORS, None, 1.25, None)
numbers = st.integers(0, 200)
pairs = st.builds(Paired, numbers, numbers, numbers)


def drawn(dice: random.Random, number: int, both: float, challenger: float, champion: float) -> Paired:
    """Pairs, of which these parts have two bad answers, or just the one."""
    seen = [dice.random() for _ in range(number)]
    until = (both, both + challenger, both + challenger + champion)
    counts = [sum(low <= luck < high for luck in seen) for low, high in zip((0, *until), until, strict=False)]
    return Paired(*counts)


def test_with_a_tolerated_ratio_of_one_it_is_the_sign_test() -> None:
    """Seven discordant pairs, six of them against the challenger, by hand; what both got wrong adds nothing."""
    expected = sum((1 + stake) ** 6 * (1 - stake) for stake in STAKES) / len(STAKES)

    assert math.exp(Paired(0, 6, 1).log_breach(1)) == pytest.approx(expected)
    assert Paired(50, 6, 1).log_breach(1) == pytest.approx(Paired(0, 6, 1).log_breach(1))


@pytest.mark.parametrize("tolerated", [1, 1.25, 2])
@pytest.mark.parametrize(("both", "champion_only"), [(0.0, 0.1), (0.05, 0.1), (0.1, 0.0)])
def test_on_the_bound_the_expected_worth_of_a_pair_is_one(tolerated: float, both: float, champion_only: float) -> None:
    challenger_only = tolerated * (both + champion_only) - both
    neither = 1 - both - champion_only - challenger_only
    chances = {
        Paired(1, 0, 0): both,
        Paired(0, 1, 0): challenger_only,
        Paired(0, 0, 1): champion_only,
        NO_PAIRS: neither,
    }
    worth = sum(chance * math.exp(seen.log_breach(tolerated)) for seen, chance in chances.items())

    assert worth == pytest.approx(1)


@given(pairs, st.floats(1, 3))
def test_one_more_pair_against_the_challenger_strengthens_and_one_for_it_weakens_a_breach(
    seen: Paired, tolerated: float
) -> None:
    log = seen.log_breach(tolerated)

    assert (seen + Paired(challenger_only=1)).log_breach(tolerated) > log
    assert (seen + Paired(champion_only=1)).log_breach(tolerated) < log


@given(pairs)
def test_pairs_survive_the_trial_object(seen: Paired) -> None:
    measure = MeasureEvidence(RATIO).absorb_pairs(seen)

    assert Paired.parse(seen.dump()) == seen
    assert MeasureEvidence.parse(measure.dump(0.95), RATIO) == measure


def test_on_the_bound_few_looks_at_pairs_ever_reach_a_breach() -> None:
    dice, runs, breached = random.Random(1), 300, 0
    for _ in range(runs):
        seen, most = NO_PAIRS, 0.0
        for _ in range(40):
            seen = seen + drawn(dice, 50, both=0.02, challenger=0.03, champion=0.02)
            most = max(most, seen.log_breach(1.25))
        breached += most >= math.log(20)

    assert breached / runs <= 0.05


@pytest.mark.parametrize(("lost", "pairs_needed"), [(0.6, 200), (0.7, 40), (0.8, 20)])
def test_a_worse_challenger_is_caught_after_few_pairs_that_differ(lost: float, pairs_needed: int) -> None:
    """`lost` of the pairs that differ are against the challenger."""
    dice, taken = random.Random(3), []
    for _ in range(60):
        seen, number = NO_PAIRS, 0
        while seen.log_breach(1) < math.log(20):
            seen, number = seen + (Paired(0, 1, 0) if dice.random() < lost else Paired(0, 0, 1)), number + 1
        taken.append(number)

    assert median(taken) <= 1.1 * pairs_needed


def test_pairs_need_fewer_requests_than_two_samples_where_the_same_requests_are_hard_for_both() -> None:
    """5 % of the requests fail with both variants, 2 % more with the challenger only."""
    dice, paired, unpaired = random.Random(2), MeasureEvidence(RATIO), MeasureEvidence(RATIO)
    for _ in range(10):
        seen = drawn(dice, 200, both=0.05, challenger=0.04, champion=0)
        paired = paired.absorb_pairs(seen)
        unpaired = unpaired.absorb(Count(seen.both, 200), Count(seen.both + seen.challenger_only, 200))

    assert paired.breach() > 10 * unpaired.breach()


def test_both_kinds_of_evidence_speak_with_half_the_bet_each() -> None:
    unpaired = MeasureEvidence(RATIO).absorb(Count(2, 500), Count(12, 500))
    alone, seen = unpaired.breach(), Paired(1, 9, 2)

    assert unpaired.absorb_pairs(seen).breach() == pytest.approx((alone + math.exp(seen.log_breach(1.25))) / 2)


def test_each_measure_has_its_own_pairs() -> None:
    evidence = Evidence.begin([RATIO], [RATIO]).absorb_pairs([Paired(1, 2, 3), NO_PAIRS])

    assert [measure.pairs for measure in evidence.measures] == [Paired(1, 2, 3), NO_PAIRS]
