"""The figures of a run as Markdown, between two marks in docs/performance.md; all else there is written by hand."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median

from benchmarks import figures
from benchmarks.serving.open_loop import OpenLoop
from benchmarks.serving.results import Measured, Results, load
from benchmarks.serving.servers import CONTENDER, PEERS, UNCONVERTED, UNCOUNTED

PAGE = Path(__file__).parents[2] / "docs/performance.md"
PICTURE = PAGE.with_name("performance.svg")
SERVERS = (CONTENDER, UNCONVERTED, UNCOUNTED, *PEERS)
NONE = "-"


def write(results: Results) -> None:
    """Put a run's figures into the page."""
    figures.write(PAGE, _figures(results))


def _figures(results: Results) -> Iterator[str]:
    yield f"![Answers per second to one row of JSON over 16 connections, each server on one core]({PICTURE.name})\n"
    effort = results.effort
    yield (
        f"Run of {results.began} ({results.minutes:.0f} minutes) on {results.machine}; "
        f"{effort.rounds} rounds, {effort.seconds} s a cell."
    )
    yield ", ".join(f"{name} {version}" for name, version in results.versions.items()) + ".\n"
    yield "### Goals\n"
    yield from _goals(results)
    for model, title in results.titles.items():
        yield f"\n### {title}: answers per second\n"
        yield f"Contender's engine: {results.engines[model]}\n"
        yield from _rates([measured for measured in results.cells if measured.cell.model == model])
    for problem in results.problems:
        yield f"\nNot measured: {problem.server}, {problem.model}, {problem.encoding}: {problem.what}"
    yield "\n### Latency of one row as JSON, c=16: median and 99th percentile, ms\n"
    yield from _latencies(results)
    yield "\n### LogisticRegression: cold start, memory, and latency at half of each server's capacity\n"
    yield from _starts(results)
    yield "\n### A slow model, and too many requests\n"
    yield from _hard_times(results)


def _goals(results: Results) -> Iterator[str]:
    rows = ((goal.name, goal.goal, goal.measured(), "yes" if goal.met else "**no**") for goal in results.goals)
    yield from _table(("goal", "wanted", "measured", "met"), rows)


def _rates(cells: list[Measured]) -> Iterator[str]:
    places = list(dict.fromkeys((measured.cell.case, measured.cell.connections) for measured in cells))
    by_place = {(measured.cell.server, measured.cell.case, measured.cell.connections): measured for measured in cells}
    asked = list(dict.fromkeys(measured.cell.server for measured in cells))
    rows = ((f"{case}, c={c}", *(_rate(by_place.get((server, case, c))) for server in asked)) for case, c in places)
    yield from _table(("", *asked), rows)


def _rate(measured: Measured | None) -> str:
    if measured is None:
        return NONE
    least, most = measured.spread()
    failed = f" ({measured.errors()} errors)" if measured.errors() else ""
    return f"**{measured.rate():,.0f}** {least:,.0f} to {most:,.0f}{failed}"


def _latencies(results: Results) -> Iterator[str]:
    cells = [
        measured
        for measured in results.cells
        if measured.cell.case == "1 row, JSON" and measured.cell.connections == 16
    ]
    found = {
        (measured.cell.server, measured.cell.model): f"{measured.p50():.2f} / {measured.p99():.2f}"
        for measured in cells
    }
    rows = ((server, *(found.get((server, model), NONE) for model in results.titles)) for server in SERVERS)
    yield from _table(("", *results.titles), rows)


def _starts(results: Results) -> Iterator[str]:
    titles = ("", "start to ready, s", "PSS, MB", "rate, 1/s", "answered", "p50, ms", "p99, ms")
    rows = []
    for server, starts in results.starts.items():
        taken = f"{median(start.seconds for start in starts):.2f}", f"{median(start.memory for start in starts):.0f}"
        rows.append((server, *taken, *_at_half(results.open_loop[server])))
    yield from _table(titles, rows)


def _at_half(loop: OpenLoop) -> tuple[str, ...]:
    return f"{loop.rate:,.0f}", f"{loop.answered:.1%}", f"{loop.p50:.2f}", f"{loop.p99:.2f}"


def _hard_times(results: Results) -> Iterator[str]:
    slow, over = results.slow_model, results.overload
    yield (
        f"- {slow.one_call:.0f} ms a call, 64 connections: {slow.answered} answers, {slow.refused} refusals. "
        f"99th percentile of the worst-off connection {slow.worst_p99:.0f} ms, of the median one {slow.median_p99:.0f} "
        f"ms. Slowest health answer meanwhile {slow.health_worst:.1f} ms."
    )
    yield (
        f"- {over.capacity:.0f} requests/s at capacity, {over.offered:.0f}/s offered: {over.goodput:.0f}/s answered "
        f"(99th percentile {over.p99:.0f} ms), {over.refused:.0f}/s refused with 503, {over.unanswered:.1f}/s without "
        f"an answer. Memory {over.memory[0]:.0f} MB at first, {over.memory[-1]:.0f} MB at last, {max(over.memory):.0f} "
        f"MB at most."
    )


def _table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    titles = list(titles)
    yield f"| {' | '.join(titles)} |"
    yield "|" + "---|" + "--:|" * (len(titles) - 1)
    for row in rows:
        yield f"| {' | '.join(row)} |"


if __name__ == "__main__":
    write(load())
