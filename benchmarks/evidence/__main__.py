"""`make bench-evidence`: how often each way to judge a rollout is wrong, and how soon it is right; eight minutes."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from benchmarks import figures
from benchmarks.evidence import cost, goals, matrix, page, results, terminal
from benchmarks.evidence.results import Results
from benchmarks.serving.results import machine

WHOLE, QUICK = 2500, 200  # runs of each cell


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="make bench-evidence", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few runs, for a first look; the page stays as it is")
    quick = parser.parse_args().quick
    console = Console()
    with console.status("cells") as status:
        found = run(QUICK if quick else WHOLE, status.update)
    results.save(found)
    if not quick:
        publish(found)
    terminal.show(found, console)
    return 0


def run(runs: int, tell: Callable[[str], None]) -> Results:
    """Simulate everything."""
    began, clock = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), time.monotonic()
    microseconds = cost.update()
    simulated = matrix.simulate(runs, tell)
    return Results(
        began=began,
        minutes=(time.monotonic() - clock) / 60,
        machine=machine(),
        runs=runs,
        goals=goals.of(simulated, microseconds),
        matrix=simulated,
        microseconds=microseconds,
    )


def publish(found: Results) -> None:
    """The page and its picture."""
    page.write(found)
    figures.draw(Path(__file__).with_name("picture.py"), results.FILE, page.PICTURE)


if __name__ == "__main__":
    sys.exit(main())
