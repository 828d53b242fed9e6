"""The end of a run, for the person at the terminal."""

from rich.console import Console
from rich.table import Table

from benchmarks.evidence.labels import page as labels
from benchmarks.evidence.page import requests, share
from benchmarks.evidence.results import Results


def show(results: Results, console: Console) -> None:
    """All cells, and the goals."""
    console.print(_cells(results), _labels(results), _goals(results))


def _cells(results: Results) -> Table:
    table = Table("cell", "judge", "wrongly promoted", "wrongly rejected", "undecided", "median", "p90", "bad answers")
    for cell in results.matrix.cells:
        for judge, found in cell.figures.items():
            shares = (share(part) for part in (found.wrong_promotions, found.wrong_rejections, found.undecided))
            table.add_row(cell.name, judge, *shares, requests(found.median), requests(found.p90), f"{found.bad:,.1f}")
    return table


def _labels(results: Results) -> Table:
    table = Table(*labels.HEAD)
    for row in labels.rows(results.matrix.labels):
        table.add_row(*row)
    return table


def _goals(results: Results) -> Table:
    table = Table("goal", "wanted", "measured", "", title="Goals")
    for goal in results.goals:
        table.add_row(goal.name, goal.goal, goal.measured(), "[green]met" if goal.met else "[red]missed")
    return table
