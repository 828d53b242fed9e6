"""The benchmark of late labels judges as the operator does, and its labels come as its cells say."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from benchmarks.evidence.labels import goals, judge, page
from benchmarks.evidence.labels.cells import CELLS, Cell, Missing, Told
from benchmarks.evidence.labels.judge import ACCURACY, ENDS, RECALL, START, UNEVEN, Ending, Endings, spec
from benchmarks.evidence.labels.stream import (
    CHALLENGER,
    CHAMPION,
    LOOKS,
    VARIANTS,
    Delay,
    Kind,
    Stream,
    World,
    draw,
    windows,
)
from benchmarks.evidence.outcome import Truth
from benchmarks.evidence.stream import STEPS
from contender.api import Trial
from contender.observation import Counters, Labelled, Labels
from contender.rollout import look
from contender.rollout.evidence import Evidence
from contender.rollout.labels import EVERY, NOTHING_ASKED, Heard, question
from tests.unit.sights import sight

REQUESTS = 20_000  # from look to look: enough to prove that there are no errors
HONEST = Kind("honest", 0.75, (0.02, 0.04), Delay(1))
FRAUD = Kind("fraud", 0.25, (0.2, 0.3), Delay(8))
OTHERS = {"championReplicas": 1, "trusted": False, "stale": []}


def few(cells: Sequence[Cell]) -> list[Cell]:
    """One of each kind, and of each that ends another way."""
    wanted = {
        "late, 5 % / 5 %",
        "late, some very, 5 % / 10 %",
        "late by class, 6.4 % / 8 %",
        "late by class, recall, 6.4 % / 12.8 %",
        "late by class, errors traded, recall too, 6.4 % / 9.2 %",
        "10 % of the champion's, 5 % of the challenger's, 5 % / 5 %",
        "10 % of the champion's, 8 % of the challenger's, 5 % / 5 %",
        "no labels, 5 % / 5 %",
    }
    found = [cell for cell in cells if cell.name in wanted]
    assert len(found) == len(wanted)
    return found


def ledger(trial: Trial, told: Sequence[Mapping[str, Labelled]], at: int) -> Heard:
    """What it answers to the question that the operator asks it, if it asks one."""
    asked = question(trial, START + timedelta(seconds=EVERY * at))
    if asked is None:
        return NOTHING_ASKED
    return Heard(Labels(dict(zip((window.since for window in asked.windows), told, strict=False))))


class Operator:
    """Whole looks at one trial, with routers that split the requests evenly and count no errors."""

    def __init__(self, cell: Cell) -> None:
        of = {"champion": {"variant": CHAMPION}, "challenger": {"variant": CHALLENGER}, **OTHERS}
        raw = {"metadata": {"name": "trial", "resourceVersion": "1"}, "spec": {**of, **spec(cell.guardrails)}}
        self.trial, self.sent = Trial.parse(raw), dict.fromkeys(VARIANTS, 0)
        self.rule(-1, ())

    def rule(self, at: int, told: Sequence[Mapping[str, Labelled]]) -> str:
        """The rule that spoke at a look."""
        share = look.share(self.trial)
        self.sent[CHALLENGER] += REQUESTS * share // 100
        self.sent[CHAMPION] += REQUESTS * (100 - share) // 100
        self.trial = look.again(self.trial, self.sight(at, share, ledger(self.trial, told, at)))
        return str((self.trial.verdict or {})["rule"])

    def sight(self, at: int, share: int, heard: Heard) -> look.Sight:
        counted = {variant: Counters(completed=sent, begun=sent) for variant, sent in self.sent.items()}
        return sight(START + timedelta(seconds=EVERY * at), EVERY * (at + 2), share, counted, heard)

    def ending(self, seen: Stream, run: int, cell: Cell) -> Ending:
        said = Ending("", 0)
        for at, told in enumerate(seen.told(run, cell.guardrails)):
            rising = self.trial.step < len(STEPS) - 1
            said = Ending(self.rule(at, told), at)
            if said.rule in ENDS or (said.rule == UNEVEN and rising):
                break
        return said


@pytest.mark.parametrize("cell", few(CELLS), ids=lambda cell: cell.name)
def test_the_simulated_judge_gives_the_operators_verdict_at_the_same_look(cell: Cell) -> None:
    seen = cell.draw(3)

    found = [judge.judge(seen, run, cell.guardrails) for run in range(seen.runs)]

    assert found == [Operator(cell).ending(seen, run, cell) for run in range(seen.runs)]


def test_labels_are_asked_for_in_the_operators_windows() -> None:
    (cell,) = (cell for cell in CELLS if cell.name == "no labels, 5 % / 5 %")
    seen, operator = cell.draw(1), Operator(cell)
    operator.ending(seen, 0, cell)
    found = Evidence.of(operator.trial).ledger.windows

    assert [window.share for window in found] == list(STEPS)
    assert [(_look(window.since), window.until and _look(window.until)) for window in found] == [
        *windows()[:-1],
        (windows()[-1][0], None),
    ]


def _look(milliseconds: int) -> float:
    return (milliseconds / 1000 - START.timestamp()) / EVERY


def drawn(**world: object) -> Stream:
    return draw(np.random.default_rng(1), replace(World((HONEST, FRAUD)), **world), runs=200)  # type: ignore[arg-type]


def last(seen: Stream) -> np.ndarray:
    """The labels of the second window that have come by the end, on average: by variant, kind, and right or wrong."""
    return np.asarray(seen.come[:, -1, 1].mean(axis=0))


def test_labels_are_split_by_the_share_by_the_class_and_by_who_is_right() -> None:
    come = last(drawn())
    fraud, honest = come[:, 1].sum(axis=-1), come[:, 0].sum(axis=-1)

    assert come[1].sum() / come.sum() == pytest.approx(0.25, rel=0.02)
    assert fraud / (honest + fraud) == pytest.approx([0.25, 0.25], rel=0.05)
    assert come[0, :, 1] / come[0].sum(axis=-1) == pytest.approx(HONEST.wrong[:1] + FRAUD.wrong[:1], rel=0.05)
    assert come[1, :, 1] / come[1].sum(axis=-1) == pytest.approx(HONEST.wrong[1:] + FRAUD.wrong[1:], rel=0.05)


def test_so_many_answers_get_a_label_as_the_coverage_says_and_fewer_of_the_wrong_ones() -> None:
    whole, some = last(drawn()), last(drawn(coverage=(0.4, 0.2), told=(1.0, 0.5)))

    assert some[:, :, 0].sum(axis=1) / whole[:, :, 0].sum(axis=1) == pytest.approx([0.4, 0.2], rel=0.03)
    assert some[:, :, 1].sum(axis=1) / whole[:, :, 1].sum(axis=1) == pytest.approx([0.4, 0.1], rel=0.05)


@pytest.mark.parametrize("delay", [Delay(8), Delay(8, spread=1.0)], ids=["exponential", "lognormal"])
def test_labels_come_as_late_as_the_delay_says(delay: Delay) -> None:
    """Against as many answers one by one, each with a time and a delay of its own."""
    dice = np.random.default_rng(2)
    late = dice.exponential(8, 100_000) if delay.spread is None else dice.lognormal(np.log(8) - 0.5, 1, 100_000)
    times = dice.uniform(4, 7, 100_000) + late

    arrived = delay.arrived(4, 7)

    assert delay.points.mean() == pytest.approx(8, rel=0.01)
    assert arrived == pytest.approx([(times <= look).mean() for look in range(LOOKS)], abs=0.01)
    assert not arrived[:5].any()


def test_labels_that_have_come_stay_and_none_comes_before_its_window_is_open() -> None:
    seen = drawn()

    assert (np.diff(seen.come, axis=1) >= 0).all()
    for number, (begin, _) in enumerate(windows()):
        assert not seen.come[:, : begin + 1, number].any()
        assert seen.come[:, begin + 2, number].any()


def test_recall_is_told_of_its_class_and_accuracy_of_all() -> None:
    seen = drawn()
    told = seen.told(0, (ACCURACY, RECALL))[-1][2][CHALLENGER]
    honest, fraud = seen.come[0, -1, 2, 1].tolist()

    assert told.answers == sum(honest) + sum(fraud)
    assert told.counts == ((honest[1] + fraud[1], told.answers), (fraud[1], sum(fraud)))


def told(missing: Missing, truth: Truth = Truth.FINE, **ended: float) -> Told:
    parts = {"promoted": 0.0, "rejected": 0.0, "uneven": 0.0, "waiting": 0.0}
    return Told(f"{missing} {ended}", truth, missing, 100, Endings(**{**parts, **ended}, median=None))


def test_goals_are_the_worst_cell_and_each_one_that_is_to_be_held() -> None:
    cells = [
        told(Missing.REQUEST, promoted=1),
        told(Missing.REQUEST, Truth.WORSE, promoted=0.06, rejected=0.94),
        told(Missing.REQUEST, Truth.BOUND, promoted=0.02, rejected=0.03),
        told(Missing.CLASS, Truth.WORSE, promoted=0.5),
        told(Missing.VARIANT, rejected=0.04, uneven=0.96),
        told(Missing.VARIANT, promoted=0.1, uneven=0.9),
        told(Missing.ALWAYS, waiting=1),
    ]

    found = list(goals.of(cells))

    assert [(goal.value, goal.met) for goal in found] == [
        (6, False),
        (3, True),
        (50, False),
        (0, True),
        (96, True),
        (90, False),
        (100, True),
    ]


def test_where_labels_are_uneven_every_verdict_is_wrong_and_bold() -> None:
    (row,) = page.rows([told(Missing.VARIANT, Truth.FINE, promoted=0.1, rejected=0.2, uneven=0.7)])

    assert row[1:] == ("hold", "**10.0 %**", "**20.0 %**", "70.0 %", "0", "-")
