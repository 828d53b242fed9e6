"""The end of a run, for the person at the terminal."""

from rich.console import Console
from rich.table import Table

from benchmarks.serving.results import Results


def show(results: Results, console: Console) -> None:
    """The goals, and the rates of the first case."""
    console.print(_rates(results), _goals(results))
    for problem in results.problems:
        console.print(f"not measured: {problem.server}, {problem.model}, {problem.encoding}: {problem.what}")


def _goals(results: Results) -> Table:
    table = Table("goal", "wanted", "measured", "", title="Goals")
    for goal in results.goals:
        table.add_row(goal.name, goal.goal, goal.measured(), "[green]met" if goal.met else "[red]missed")
    return table


def _rates(results: Results) -> Table:
    table = Table("model", "case", "c", "server", "answers/s", "p50 ms", "p99 ms", "errors", title="All cells")
    for measured in results.cells:
        cell = measured.cell
        figures = f"{measured.rate():,.0f}", f"{measured.p50():.2f}", f"{measured.p99():.2f}", str(measured.errors())
        table.add_row(cell.model, cell.case, str(cell.connections), cell.server, *figures)
    return table
