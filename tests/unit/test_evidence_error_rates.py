"""How often verdicts are wrong, and how soon they come, when one looks every 5 s: by simulation with fixed seeds."""

import math
import random
from dataclasses import dataclass
from statistics import median

import pytest

from contender.api import Guardrail, Measure
from contender.rollout.counting import Count
from contender.rollout.measure_evidence import MeasureEvidence

GUARDRAIL = Guardrail(Measure.ERRORS, None, 1.25, 0.001)
STEPS = (5, 25, 50)  # percent
LOOK, SOAK, REQUESTS = 5, 60, 100  # seconds, seconds, requests a second
ALPHA = 0.05


@dataclass(frozen=True)
class Outcome:
    decision: str | None
    requests: int


def drawn(dice: random.Random, of: int, rate: float) -> int:
    """A binomial number of events: the gaps between events are geometric."""
    events, position = 0, 0
    if rate == 1:
        return of
    while rate > 0:
        position += 1 + int(math.log(1 - dice.random()) / math.log1p(-rate))
        if position > of:
            break
        events += 1
    return events


def trial(dice: random.Random, champion: float, challenger: float, looks: int) -> Outcome:
    """One trial: a minute at each step, proof from the last one; both variants' bad rates are given."""
    measure = MeasureEvidence(GUARDRAIL)
    for look in range(looks):
        step = min(look * LOOK // SOAK, len(STEPS) - 1)
        if look * LOOK == step * SOAK:
            measure = measure.begin_step()
        all_requests = LOOK * REQUESTS
        ours = drawn(dice, all_requests, STEPS[step] / 100)
        theirs = all_requests - ours
        measure = measure.absorb(
            Count(drawn(dice, theirs, champion), theirs), Count(drawn(dice, ours, challenger), ours)
        )
        soaked = (look + 1) * LOOK >= len(STEPS) * SOAK
        if measure.breach() >= 1 / ALPHA:
            return Outcome("rejected", (look + 1) * all_requests)
        if soaked and measure.proof() >= 1 / ALPHA:
            return Outcome("promoted", (look + 1) * all_requests)
    return Outcome(None, looks * LOOK * REQUESTS)


def trials(runs: int, champion: float, challenger: float, looks: int) -> list[Outcome]:
    dice = random.Random(f"{champion} {challenger}")
    return [trial(dice, champion, challenger, looks) for _ in range(runs)]


@pytest.mark.parametrize(("champion", "challenger"), [(0, 0.001), (0.004, 0.005), (0.02, 0.025)])
def test_on_the_bound_few_trials_are_decided_and_each_way_at_most_one_in_twenty(
    champion: float, challenger: float
) -> None:
    runs = 120
    decisions = [outcome.decision for outcome in trials(runs, champion, challenger, looks=100)]
    chance = 3 * math.sqrt(ALPHA * (1 - ALPHA) / runs)  # three standard deviations of a fair count

    assert decisions.count("promoted") / runs <= ALPHA + chance
    assert decisions.count("rejected") / runs <= ALPHA + chance


@pytest.mark.parametrize(
    ("champion", "challenger", "decision", "requests"),
    [
        (0, 0, "promoted", 20_000),
        (0, 0.01, "rejected", 5_000),
        (0.004, 0.004, "promoted", 150_000),
        (0.004, 0.008, "rejected", 31_500),
        (0.004, 0.04, "rejected", 2_000),
        (0.02, 0.02, "promoted", 41_000),
        (0.02, 0.20, "rejected", 500),
    ],
)
def test_clear_cases_are_decided_rightly_and_soon(
    champion: float, challenger: float, decision: str, requests: int
) -> None:
    """The medians are of 3,000 runs and more; those of so few are up to a quarter off."""
    outcomes = trials(60, champion, challenger, looks=1500)

    assert [outcome.decision for outcome in outcomes].count(decision) >= 58
    assert median(outcome.requests for outcome in outcomes) <= 1.25 * requests


def test_ten_percent_of_errors_against_one_are_a_breach_within_thirty_seconds_at_a_quarter_of_the_traffic() -> None:
    """With three guardrails, a look every second, 25 requests a second to the challenger."""
    dice = random.Random(30)
    waits = []
    for _ in range(300):
        measure, wait = MeasureEvidence(GUARDRAIL), 0
        while measure.breach() < 3 / ALPHA:
            ours = drawn(dice, REQUESTS, 0.25)
            theirs = REQUESTS - ours
            measure = measure.absorb(Count(drawn(dice, theirs, 0.01), theirs), Count(drawn(dice, ours, 0.1), ours))
            wait += 1
        waits.append(wait)

    assert sum(wait <= 30 for wait in waits) / len(waits) >= 0.99
