import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.api import Guardrail, Measure
from contender.rollout.comparison import NOTHING, Pair
from contender.rollout.counting import Count
from contender.rollout.dispersion import NO_SURPRISE, Dispersion
from contender.rollout.measure_evidence import MeasureEvidence

LOOK = 250  # exposures of either variant


def errors(dice: random.Random, rate: float, burst: int) -> int:
    """Errors of one variant in one look, which come in bursts of so many: on average `rate` of `LOOK`."""
    return sum(burst for _ in range(LOOK) if dice.random() < rate / burst)


def seen(seed: int, burst: int, looks: int = 200) -> Dispersion:
    dice, known, before = random.Random(seed), NO_SURPRISE, NOTHING
    for _ in range(looks):
        pair = Pair(Count(errors(dice, 0.02, burst), LOOK), Count(errors(dice, 0.02, burst), LOOK))
        known, before = known.absorb(pair, before), before + pair
    return known


def test_errors_that_come_alone_are_not_taken_for_bursts() -> None:
    assert [seen(seed, burst=1).factor for seed in range(10)] == [1.0] * 10


@pytest.mark.parametrize("burst", [4, 10])
def test_bursts_weigh_about_as_many_times_less_as_they_have_errors(burst: int) -> None:
    assert burst / 2 < seen(1, burst).factor < 1.2 * burst


def test_a_burst_weighs_less_only_from_the_next_look_on() -> None:
    """What weighs a look is known before it: else the bet would depend on its own outcome."""
    quiet = MeasureEvidence(Guardrail(Measure.ERRORS, None, 1.25, None)).absorb(Count(5, LOOK), Count(5, LOOK))
    once = quiet.absorb(Count(0, LOOK), Count(60, LOOK))
    twice = once.absorb(Count(0, LOOK), Count(60, LOOK))

    assert once.ratios.dispersion.factor > 1
    first, second = (math.log(later.breach() / earlier.breach()) for earlier, later in ((quiet, once), (once, twice)))
    assert second < first


@given(st.integers(0, LOOK), st.integers(0, LOOK))
def test_before_both_have_erred_nothing_surprises(theirs: int, ours: int) -> None:
    first = Pair(Count(theirs, LOOK), Count(ours, LOOK))

    assert NO_SURPRISE.absorb(first, NOTHING) == NO_SURPRISE
    assert NO_SURPRISE.absorb(first, Pair(Count(0, LOOK), Count(9, LOOK))) == NO_SURPRISE


def test_once_bursts_are_known_they_send_few_challengers_back_that_are_on_the_bound() -> None:
    """Five errors at a time. What the first ones say cannot be weighed, since nobody knows yet that they are bursts."""
    dice, late = random.Random(7), []
    for _ in range(60):
        measure, breaches = MeasureEvidence(Guardrail(Measure.ERRORS, None, 1.25, None)), []
        for _ in range(150):
            measure = measure.absorb(Count(errors(dice, 0.02, 5), LOOK), Count(errors(dice, 0.025, 5), LOOK))
            breaches.append(measure.breach())
        late += [max(breaches[20:]) >= 20] if max(breaches[:20]) < 20 else []

    assert sum(late) / len(late) <= 0.1
