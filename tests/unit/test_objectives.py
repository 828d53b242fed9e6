"""What must be shown before promotion, and never ends a trial by itself."""

import random

import pytest

from contender.api import Guardrail, Measure, Phase, TrialRules
from contender.rollout.counting import Count
from contender.rollout.evidence import Evidence
from contender.rollout.findings import findings
from contender.rollout.measure_evidence import MeasureEvidence
from tests.unit.test_evidence import drawn
from tests.unit.world import World, spec

BETTER = Guardrail(Measure.ERRORS, None, None, None, better=True)
A_TENTH_LESS = Guardrail(Measure.ERRORS, None, 0.9, None, better=True)


def objective(guardrail: Guardrail, champion: tuple[int, int], challenger: tuple[int, int]) -> MeasureEvidence:
    return MeasureEvidence(guardrail, objective=True).absorb(Count(*champion), Count(*challenger))


def test_an_objective_is_never_breached() -> None:
    worse = objective(Guardrail(Measure.ERRORS, None, 1.1, 0.001), (10, 10_000), (1000, 10_000))

    assert worse.breach() == 0
    assert worse.proof() < 1


def test_a_challenger_with_half_the_errors_is_shown_to_be_better_and_an_equal_one_is_not() -> None:
    assert objective(BETTER, (200, 10_000), (100, 10_000)).proof() >= 20
    assert objective(BETTER, (200, 10_000), (200, 10_000)).proof() < 1


def test_a_challenger_must_be_better_by_as_much_as_is_asked() -> None:
    a_fifth_less = (1000, 50_000), (800, 50_000)

    assert objective(BETTER, *a_fifth_less).proof() > 100 * objective(A_TENTH_LESS, *a_fifth_less).proof()
    assert objective(A_TENTH_LESS, (1000, 50_000), (600, 50_000)).proof() >= 20


def test_no_share_is_so_small_that_it_is_better_by_itself() -> None:
    assert objective(BETTER, (0, 10_000), (0, 10_000)).proof() == 1


@pytest.mark.parametrize("tolerated", [1, 0.8])
def test_a_challenger_on_the_bound_is_rarely_taken_for_better_however_often_one_looks(tolerated: float) -> None:
    dice, runs, proved = random.Random(4), 200, 0
    guardrail = Guardrail(Measure.ERRORS, None, tolerated, None, better=True)
    for _ in range(runs):
        measure, proofs = MeasureEvidence(guardrail, objective=True), [0.0]
        for _ in range(40):
            seen = Count(drawn(dice, 250, 0.02), 250), Count(drawn(dice, 250, 0.02 * tolerated), 250)
            measure = measure.absorb(*seen)
            proofs.append(measure.proof())
        proved += max(proofs) >= 20

    assert proved / runs <= 0.05


def test_objectives_come_after_the_guardrails_and_say_that_they_are_objectives() -> None:
    guardrail = Guardrail(Measure.ERRORS, None, 1.25, 0.001)
    evidence = Evidence.begin([guardrail], [BETTER])

    assert [finding.name for finding in findings(evidence, 0.95)] == ["errors", "objective errors"]
    assert [measure.get("objective") for measure in evidence.dump(0.95)["measures"]] == [None, True]
    assert Evidence.parse(evidence.dump(0.95), [guardrail], [BETTER]) == evidence


def test_a_guardrail_without_a_share_of_its_own_takes_the_negligible_one_where_it_has_a_meaning() -> None:
    written = [
        {"measure": "errors", "noWorseThan": 1.25},
        {"measure": "errors", "below": 0.5},
        {"measure": "latency", "over": "1s", "noWorseThan": 2},
        {"measure": "latency", "quantile": 0.95, "noWorseThan": 1.2},
        {"measure": "errors", "better": True},
    ]
    negligible = {"errors": 0.001, "rejected": 0.002, "latency": 0.003}
    raw = spec("1", guardrails=written[:4], objectives=written[4:], negligible=negligible)["trial"]
    rules = TrialRules.parse(raw)

    assert [one.below for one in (*rules.guardrails, *rules.objectives)] == [0.001, 0.5, 0.003, None, None]


@pytest.mark.parametrize(("rate", "phase"), [(0.02, Phase.SHIFTING), (0.005, Phase.PROMOTED)])
def test_only_a_challenger_that_is_better_is_promoted_where_that_is_the_objective(rate: float, phase: Phase) -> None:
    world = World()
    rules = {"objectives": [{"measure": "errors", "better": True}]}
    world.errors[world.apply("1", **rules)] = 0.02
    world.run(30, until="Idle")
    world.errors[world.apply("2", **rules)] = rate
    world.run(200, until="Idle")

    assert world.newest_trial.phase is phase
    assert world.failures_of_route == 0
