"""The figures of a run as Markdown, between two marks in docs/evidence.md; all else there is written by hand."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from benchmarks import figures
from benchmarks.evidence.labels import page as labels
from benchmarks.evidence.matrix import CONTENDER, JUDGES, Duel, Judged
from benchmarks.evidence.outcome import Figures
from benchmarks.evidence.results import Results

PAGE = Path(__file__).parents[2] / "docs/evidence.md"
PICTURE = PAGE.with_name("evidence.svg")
NEVER = "-"


def write(results: Results) -> None:
    """Put a run's figures into the page."""
    figures.write(PAGE, _figures(results))


def share(part: float) -> str:
    """In percent, with one digit."""
    return f"{100 * part:.1f} %" if part else "0"


def requests(number: float | None) -> str:
    """To the verdict; a dash where too few runs have one."""
    return NEVER if number is None else f"{number:,.0f}"


def _figures(results: Results) -> Iterator[str]:
    yield (
        "![Left: on the bound, z-tests at each look decide ever more trials, wrongly; Contender stays below 5 %. "
        f"Right: requests to the verdict by how bad the challenger is]({PICTURE.name})\n"
    )
    yield (
        f"Run of {results.began} ({results.minutes:.0f} minutes) on {results.machine}; {results.runs:,} runs a cell. "
        f"A share of 5 % of so many is known to {196 * (0.05 * 0.95 / results.runs) ** 0.5:.1f} percentage points.\n"
    )
    yield "### Goals\n"
    goals = ((goal.name, goal.goal, goal.measured(), "yes" if goal.met else "**no**") for goal in results.goals)
    yield from _table(("goal", "wanted", "measured", "met"), goals)
    yield "\n### Contender in every cell\n"
    yield from _contender(results.matrix.cells)
    yield "\n### Contender with late labels\n"
    yield f"{results.matrix.labels[0].runs:,} runs a cell; wrong verdicts are bold.\n"
    yield from _table(labels.HEAD, labels.rows(results.matrix.labels))
    yield "\n### Wrong verdicts: promoted / rejected\n"
    yield from _by_judge(results.matrix.cells, _wrong)
    yield "\n### Requests to the verdict: median / 90th percentile\n"
    yield from _by_judge(results.matrix.cells, lambda found: f"{requests(found.median)} / {requests(found.p90)}")
    yield "\n### The challenger's bad answers before the verdict\n"
    yield from _by_judge(results.matrix.cells, lambda found: f"{found.bad:,.1f}")
    yield "\n### As cautious as Contender: bad answers of a much worse challenger\n"
    yield from _duels(results.matrix.duels)


def _contender(cells: Iterable[Judged]) -> Iterator[str]:
    yield from _table(
        (
            "champion / challenger",
            "wrongly promoted",
            "wrongly rejected",
            "undecided",
            "median",
            "90th pct",
            "of z once",
        ),
        ((cell.name, *_columns(cell.figures[CONTENDER]), _effort(cell)) for cell in cells),
    )


def _columns(found: Figures) -> Iterator[str]:
    yield from (share(part) for part in (found.wrong_promotions, found.wrong_rejections, found.undecided))
    yield from (requests(number) for number in (found.median, found.p90))


def _effort(cell: Judged) -> str:
    return NEVER if cell.effort is None else f"{cell.effort:.2f}"


def _wrong(found: Figures) -> str:
    return f"{share(found.wrong_promotions)} / {share(found.wrong_rejections)}"


def _by_judge(cells: Iterable[Judged], told: Callable[[Figures], str]) -> Iterator[str]:
    rows = ((cell.name, *(told(cell.figures[judge]) for judge in JUDGES)) for cell in cells)
    yield from _table(("champion / challenger", *JUDGES), rows)


def _duels(duels: Iterable[Duel]) -> Iterator[str]:
    rows = (
        (
            duel.name,
            duel.null,
            *(f"{found.bad:.1f} ({share(found.false_alarms)})" for found in (duel.judges[judge] for judge in JUDGES)),
        )
        for duel in duels
    )
    yield from _table(("champion / challenger", "false alarms (in brackets) counted at", *JUDGES), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|---|{'--:|' * (len(head) - 1)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
