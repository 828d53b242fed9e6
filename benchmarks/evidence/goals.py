"""What is to be reached, and whether a run did."""

from collections.abc import Iterator, Sequence

from benchmarks.evidence.engine import CONFIDENCE
from benchmarks.evidence.labels import goals as labels
from benchmarks.evidence.matrix import CONTENDER, Duel, Judged, Matrix
from benchmarks.serving.goals import Goal

ALPHA = 100 * (1 - CONFIDENCE)  # percent


def of(matrix: Matrix, microseconds: float) -> list[Goal]:
    """Of one run."""
    return [
        *_errors([cell for cell in matrix.cells if cell.meets]),
        *_effort([cell for cell in matrix.cells if cell.meets]),
        *(_duel(duel) for duel in matrix.duels),
        *labels.of(matrix.labels),
        Goal("one update of one measure, the least of some rounds", "< 50", microseconds, "µs", microseconds < 50),
    ]


def _errors(cells: Sequence[Judged]) -> Iterator[Goal]:
    for name in ("wrong_promotions", "wrong_rejections"):
        value, worst = max((100 * getattr(cell.figures[CONTENDER], name), cell.name) for cell in cells)
        told = f"{name.replace('_', ' ')}, the worst of {len(cells)} cells ({worst})"
        yield Goal(told, f"<= {ALPHA:g}", value, "%", value <= ALPHA)


def _effort(cells: Sequence[Judged]) -> Iterator[Goal]:
    for cell in cells:
        if cell.effort is not None:
            name = f"{cell.name}: median requests over those of the z-test once"
            yield Goal(name, "<= 1.5", cell.effort, "times", cell.effort <= 1.5)


def _duel(duel: Duel) -> Goal:
    ours = duel.judges[CONTENDER].bad
    rival, theirs = min((judged.bad, name) for name, judged in duel.judges.items() if name != CONTENDER)[::-1]
    name = f"{duel.name}: bad answers over those of the best rival ({rival}), as cautious at {duel.null}"
    return Goal(name, "< 1", ours / theirs, "times", ours < theirs)
