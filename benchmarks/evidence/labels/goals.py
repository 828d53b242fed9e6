"""What verdicts by labels are to keep, and whether a run did."""

from collections.abc import Iterator, Sequence

from benchmarks.evidence.engine import CONFIDENCE
from benchmarks.evidence.labels.cells import Missing, Told
from benchmarks.serving.goals import Goal

ALPHA = 100 * (1 - CONFIDENCE)  # percent


def of(cells: Sequence[Told]) -> Iterator[Goal]:
    """Of one run: no more wrong verdicts than promised, and none where labels tell nothing."""
    yield from _errors([cell for cell in cells if cell.missing is Missing.REQUEST])
    for cell in cells:
        if cell.missing is Missing.CLASS:
            yield from _errors([cell])
        if cell.to_hold:
            held = 100 * cell.held
            yield Goal(f"labels: held ({cell.name})", f">= {100 - ALPHA:g}", held, "%", held >= 100 - ALPHA)


def _errors(cells: Sequence[Told]) -> Iterator[Goal]:
    if not cells:
        return
    of = f", the worst of {len(cells)} cells" if len(cells) > 1 else ""
    for name in ("wrong_promotions", "wrong_rejections"):
        value, worst = max((100 * getattr(cell, name), cell.name) for cell in cells)
        told = f"labels: {name.replace('_', ' ')}{of} ({worst})"
        yield Goal(told, f"<= {ALPHA:g}", value, "%", value <= ALPHA)
