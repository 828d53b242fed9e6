"""The table of verdicts by labels."""

from collections.abc import Iterable, Iterator

from benchmarks.evidence.labels.cells import Told
from benchmarks.evidence.outcome import Truth

HEAD = ("labels, champion / challenger", "right", "promoted", "rejected", "held: uneven", "waiting", "labels, median")
RIGHT = {Truth.FINE: "promote", Truth.BOUND: "neither", Truth.WORSE: "reject"}


def rows(cells: Iterable[Told]) -> Iterator[tuple[str, ...]]:
    """As `HEAD` names them; what is wrong is bold."""
    for cell in cells:
        ended = cell.endings
        yield (
            cell.name,
            "hold" if cell.to_hold else RIGHT[cell.truth],
            _told(ended.promoted, wrong=bool(cell.wrong_promotions)),
            _told(ended.rejected, wrong=bool(cell.wrong_rejections)),
            _told(ended.uneven),
            _told(ended.waiting),
            "-" if ended.median is None else f"{ended.median:,.0f}",
        )


def _told(part: float, *, wrong: bool = False) -> str:
    share = f"{100 * part:.1f} %" if part else "0"
    return f"**{share}**" if wrong else share
