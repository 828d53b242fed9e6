"""The benchmark of the evidence judges as the operator does, and counts as its tables say."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm

from benchmarks.evidence import engine, goals, rivals, stream
from benchmarks.evidence.cells import BURSTS, CELLS, CLUMPS, CONSTANT, DELAYED, OWN, Cell, cell
from benchmarks.evidence.engine import BELOW, CONFIDENCE, RATIO
from benchmarks.evidence.matrix import JUDGES, Caution, Duel, Judged, Matrix
from benchmarks.evidence.outcome import Figures, Outcome, Truth, Verdict, figures
from benchmarks.evidence.rivals import Opinion
from benchmarks.evidence.stream import LOOK, SOAK, STEPS, Count, Stream
from contender.api import Phase, Trial
from contender.observation import Counters
from contender.rollout import look
from tests.unit.sights import sight

START = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = {
    "champion": {"variant": "champion"},
    "challenger": {"variant": "challenger"},
    "championReplicas": 1,
    "trusted": False,
    "stale": [],
    "steps": STEPS,
    "soak": f"{SOAK}s",
    "guardrails": [{"measure": "errors", "noWorseThan": RATIO, "below": BELOW}],
    "confidence": CONFIDENCE,
    "timeout": "24h",
    "onTimeout": "Hold",
    "approval": "Automatic",
    "standby": "0s",
    "objectives": [],
    "negligible": {},
}
GIVEN = {Phase.PROMOTING: Verdict.PROMOTED, Phase.REJECTING: Verdict.REJECTED}
LOOKS = 150


def counters(count: Count, looks: int, run: int) -> Counters:
    """What Envoy shows after so many looks."""
    events, exposures = (int(counted[:looks, run].sum()) for counted in (count.events, count.exposures))
    return Counters(completed=exposures, errors=events, begun=exposures)


def seen_after(seen: Stream, looks: int, run: int, share: int) -> look.Sight:
    both = {"champion": seen.champion, "challenger": seen.challenger}
    counted = {variant: counters(count, looks, run) for variant, count in both.items()}
    return sight(START + timedelta(seconds=LOOK * looks), float(LOOK * (looks + 1)), share, counted)


def operators_verdict(seen: Stream, run: int) -> tuple[Verdict, int]:
    """Look by look, with the route of the last look live in the router pod and its counters."""
    trial = Trial.parse({"metadata": {"name": "trial", "resourceVersion": "1"}, "spec": SPEC})
    trial = look.again(trial, seen_after(seen, 0, run, 0))
    for at in range(seen.looks):
        trial = look.again(trial, seen_after(seen, at + 1, run, look.share(trial)))
        if trial.phase in GIVEN:
            return GIVEN[trial.phase], at
    return Verdict.OPEN, seen.looks - 1


def drawn(which: Cell, runs: int) -> Stream:
    dice = np.random.default_rng(1)
    world = which.kind.process(dice, LOOKS, runs, which.champion, which.challenger)
    return stream.draw(dice, world, LOOKS, runs, which.kind.clump, which.kind.late)


@pytest.mark.parametrize(
    "which",
    [
        *CELLS[:3],
        cell(CONSTANT, 0.02, 0.2),  # proved before the last step has soaked
        cell(CONSTANT, 0.004, 2),
        cell(CONSTANT, 0.004, 10),
        cell(CONSTANT, 0.02, 1),
        cell(CONSTANT, 0.02, 10),
        cell(BURSTS, 0.004, 2),
        cell(DELAYED, 0.02, 3),
        cell(CLUMPS, 0.02, 1),
        cell(OWN, 0.004, 2),
    ],
    ids=lambda which: which.name,
)
def test_the_simulated_judge_gives_the_operators_verdict_at_the_same_look(which: Cell) -> None:
    seen = drawn(which, runs=4)
    simulated = engine.judge(seen)

    found = list(zip(map(Verdict, simulated.verdict), simulated.look.tolist(), strict=True))

    assert found == [operators_verdict(seen, run) for run in range(seen.runs)]


def test_figures_of_three_runs_by_hand() -> None:
    """Ten requests a look, of which the challenger answers four, one of them badly."""
    theirs, ours = (Count(np.full((5, 3), events), np.full((5, 3), of)) for events, of in ((0, 6), (1, 4)))
    outcome = Outcome(np.array([Verdict.REJECTED, Verdict.PROMOTED, Verdict.OPEN]), np.array([0, 2, 4]))

    columns = figures(outcome, Stream(theirs, ours), Truth.WORSE)

    assert (columns.wrong_promotions, columns.wrong_rejections, columns.undecided) == pytest.approx((1 / 3, 0, 1 / 3))
    assert (columns.median, columns.p90) == (30, None)
    assert columns.bad == pytest.approx((1 + 3 + 5) / 3)


def test_a_rival_gives_its_first_verdict_and_rejects_rather_than_promotes() -> None:
    against = np.array([[0, 3, 0, 0], [0, 0, 3, 0], [3, 0, 0, 0]], dtype=float)
    promotes = np.array([[0, 0, 0, 0], [1, 1, 1, 0], [1, 1, 1, 0]], dtype=bool)

    found = rivals.judge(Opinion(against, promotes), bar=2)

    assert found.verdict.tolist() == [Verdict.PROMOTED, Verdict.REJECTED, Verdict.REJECTED, Verdict.OPEN]
    assert found.look.tolist() == [1, 0, 1, 2]


@pytest.mark.parametrize("allowed", [0, 0.01, 0.2])
@pytest.mark.parametrize("rival", rivals.RIVALS, ids=lambda rival: rival.name)
def test_a_rival_made_cautious_raises_no_more_false_alarms_than_are_allowed(
    rival: rivals.Rival, allowed: float
) -> None:
    opinion = rival.opinion(cell(CONSTANT, 0.004, 1).draw(100))

    rejected = rivals.judge(opinion, rivals.as_cautious(opinion, allowed)).verdict == Verdict.REJECTED

    assert allowed - 0.05 <= rejected.mean() <= allowed


def test_the_rank_test_is_scipys() -> None:
    """With ties, as among few bad answers a minute."""
    dice = np.random.default_rng(2)
    ours, theirs = dice.poisson(3.0, (20, 30)) / 100, dice.poisson(2.0, (20, 30)) / 100
    shift = 0.25 * abs(np.median(ours[:, :, None] - theirs[:, None, :], axis=(1, 2)))
    scipys = [
        mannwhitneyu(x - by, y, alternative="greater", method="asymptotic")
        for x, y, by in zip(ours, theirs, shift, strict=True)
    ]

    found = rivals._strength(ours, theirs)

    assert norm.sf(found) == pytest.approx([one.pvalue for one in scipys])


def found(wrong: float = 0.0, bad: float = 1.0) -> Figures:
    return Figures(wrong, wrong, undecided=0.0, median=100, p90=200, bad=bad)


def test_goals_are_of_the_cells_that_meet_the_assumptions_and_a_missed_one_is_among_them() -> None:
    def of(name: str, wrong: float, *, meets: bool) -> Judged:
        return Judged(name, Truth.FINE, meets, dict.fromkeys(JUDGES, found(wrong)), effort=1.6)

    cells = [of("calm", 0.01, meets=True), of("worse", 0.06, meets=True), of("broken", 0.3, meets=False)]

    told = goals.of(Matrix(cells, duels=[], curves=[], labels=[]), microseconds=40)

    assert [(goal.value, goal.met) for goal in told] == [(6, False), (6, False), (1.6, False), (1.6, False), (40, True)]


def test_in_a_duel_the_best_rival_is_the_one_to_beat() -> None:
    judges = {judge: Caution(0.01, bad) for judge, bad in zip(JUDGES, (6, 9, 5, 8, 7, 9), strict=True)}

    goal = goals.of(
        Matrix(
            [Judged("calm", Truth.FINE, True, dict.fromkeys(JUDGES, found()), None)],
            [Duel("null", "worse", judges)],
            curves=[],
            labels=[],
        ),
        microseconds=40,
    )[-2]

    assert (goal.value, goal.met) == (1.2, False)
    assert goal.name.endswith("null")
    assert JUDGES[2] in goal.name
