"""How often verdicts by late labels are wrong: by simulation with fixed seeds.

One answer in ten gets a label, of one class soon and of the other late. Wrong answers are far more common in the late
class, and the share rises meanwhile from 5 to 50 %.
"""

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contender.api import Guardrail, Measure
from contender.observation import Labelled, Labels
from contender.rollout.counting import Count
from contender.rollout.evidence import Evidence
from contender.rollout.measure_evidence import MeasureEvidence
from tests.unit.test_evidence_error_rates import drawn

ACCURACY = Guardrail(Measure.ACCURACY, None, 1.25, 0.001)
PRECISION = replace(ACCURACY, measure=Measure.PRECISION, class_="fraud")
VARIANTS = CHAMPION, CHALLENGER = "champion", "challenger"
STEPS = (5, 25, 50)  # percent
LOOK, REQUESTS = 10, 300  # seconds, requests a second
ALPHA = 0.05
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Kind:
    """A class of requests: its part of them, the champion's share of wrong answers, and the labels' mean delay."""

    part: float
    wrong: float
    delay: float  # looks


HONEST, FRAUD = Kind(0.9, 0.02, 2), Kind(0.1, 0.3, 30)
MANY_LATE = (Kind(0.7, 0.02, 2), Kind(0.3, 0.3, 60))


@dataclass
class Later:
    """The answers that one variant gave in one window: labels that are to come, and counts of those that are here."""

    to_come: Counter[Kind] = field(default_factory=Counter)
    answers: int = 0  # with a label
    exposures: int = 0  # those that the measure is about
    wrong: int = 0


@dataclass
class Trial:
    """`ratio` is the challenger's share of wrong answers to the champion's, in every class alike."""

    dice: random.Random
    ratio: float
    guardrail: Guardrail = ACCURACY
    coverage: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(VARIANTS, 0.1))
    positives: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(VARIANTS, 1.0))  # part of the answers
    kinds: Sequence[Kind] = (HONEST, FRAUD)
    looks: int = 12  # at each of the first two shares
    windows: list[dict[str, Later]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.evidence = Evidence.begin([self.guardrail])

    def look(self, number: int) -> None:
        now, step = START + timedelta(seconds=number * LOOK), min(number // self.looks, len(STEPS) - 1)
        if step == len(self.windows):
            self.windows.append({variant: Later() for variant in VARIANTS})
            self.evidence = self.evidence.close_window(now).open_window(now, STEPS[step])
        self._serve(STEPS[step] / 100)
        for window in self.windows:
            for variant in VARIANTS:
                self._label(window[variant], variant, self.ratio if variant == CHALLENGER else 1.0)
        self.evidence = self.evidence.absorb_labels(self.ledger(), CHAMPION, CHALLENGER, now)

    def _serve(self, share: float) -> None:
        for kind in self.kinds:
            number = round(LOOK * REQUESTS * kind.part)
            ours = drawn(self.dice, number, share)
            for variant, answers in ((CHALLENGER, ours), (CHAMPION, number - ours)):
                self.windows[-1][variant].to_come[kind] += drawn(self.dice, answers, self.coverage[variant])

    def _label(self, later: Later, variant: str, ratio: float) -> None:
        for kind in self.kinds:
            came = drawn(self.dice, later.to_come[kind], 1 / kind.delay)
            later.to_come[kind] -= came
            later.answers += came
            told = drawn(self.dice, came, self.positives[variant])
            later.exposures += told
            later.wrong += drawn(self.dice, told, ratio * kind.wrong)

    def ledger(self) -> Labels:
        told = {}
        for window, known in zip(self.evidence.ledger.windows, self.windows, strict=True):
            told[window.since] = {
                variant: Labelled(later.answers, ((later.wrong, later.exposures),)) for variant, later in known.items()
            }
        return Labels(told)

    def verdict(self, looks: int) -> str:
        for number in range(looks):
            self.look(number)
            (measure,) = self.evidence.measures
            if self.evidence.ledger.uneven:
                return "held"
            if measure.breach() >= 1 / ALPHA:
                return "rejected"
            if number >= len(STEPS) * self.looks and measure.proof() >= 1 / ALPHA:
                return "promoted"
        return "open"


def verdicts(runs: int, ratio: float, looks: int = 100, **trial: Any) -> list[str]:
    dice = random.Random(f"{ratio} {trial}")
    return [Trial(dice, ratio, **trial).verdict(looks) for _ in range(runs)]


def more_than_chance(runs: int) -> float:
    """Three standard deviations of a fair count over alpha."""
    return ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / runs)


@pytest.mark.parametrize(
    "trial",
    [
        pytest.param({}, id="accuracy"),
        pytest.param({"positives": {CHAMPION: 0.3, CHALLENGER: 0.6}, "guardrail": PRECISION}, id="precision"),
    ],
)
def test_on_the_bound_few_trials_are_decided_and_each_way_at_most_one_in_twenty(trial: dict[str, Any]) -> None:
    """With precision the challenger takes twice as many for a fraud, so that its labels tell of twice as many."""
    found = verdicts(60, 1.25, looks=80, **trial)

    assert found.count("promoted") / len(found) <= more_than_chance(len(found))
    assert found.count("rejected") / len(found) <= more_than_chance(len(found))
    assert found.count("open") / len(found) > 0.8


@pytest.mark.parametrize(("ratio", "decision"), [(0.8, "promoted"), (2.0, "rejected")])
def test_clear_cases_are_decided_rightly(ratio: float, decision: str) -> None:
    assert verdicts(20, ratio, looks=250).count(decision) >= 19


def test_labels_of_one_variant_more_than_of_the_other_are_held_and_decide_nothing() -> None:
    found = verdicts(20, 1.0, looks=250, coverage={CHAMPION: 0.1, CHALLENGER: 0.08})

    assert found.count("held") >= 19


def added_up(trial: Trial, looks: int) -> MeasureEvidence:
    """What the same labels would tell if the windows' counts were added up at each look."""
    measure, before = MeasureEvidence(trial.guardrail).open_window(1), {variant: Count() for variant in VARIANTS}
    for number in range(looks):
        trial.look(number)
        total = {
            variant: sum((Count(each[variant].wrong, each[variant].answers) for each in trial.windows), Count())
            for variant in VARIANTS
        }
        measure = measure.absorb(*(total[variant] - before[variant] for variant in VARIANTS))
        before = total
    return measure


def test_the_same_labels_added_up_over_the_shares_would_flatter_a_challenger_that_is_worse() -> None:
    dice, windowed, pooled = random.Random(7), 0, 0
    for _ in range(10):
        trial = Trial(dice, 1.4, kinds=MANY_LATE, looks=30)
        pooled += added_up(trial, 80).proof() >= 1 / ALPHA
        windowed += trial.evidence.measures[0].proof() >= 1 / ALPHA

    assert windowed == 0
    assert pooled >= 10


def test_the_ratio_that_is_shown_compares_each_window_within_itself() -> None:
    ratios, intervals = [], []
    for seed in range(10):
        trial = Trial(random.Random(seed), 1.25)
        trial.verdict(80)
        (told,) = trial.evidence.dump(0.95)["measures"]
        ratios.append(told["ratio"])
        intervals.append(told["interval"])

    assert sum(ratios) / len(ratios) == pytest.approx(1.25, rel=0.05)
    assert sum(low <= 1.25 <= high for low, high in intervals) >= 9
