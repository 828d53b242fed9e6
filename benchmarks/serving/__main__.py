"""`make bench-serving`: the serving image and its peers, all in one run; about 40 minutes, `--quick` about 6."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from benchmarks import figures
from benchmarks.serving import (
    closed_loop,
    environments,
    goals,
    matrix,
    models,
    open_loop,
    overload,
    page,
    results,
    slow_model,
    starts,
    terminal,
)
from benchmarks.serving.checks import Problem
from benchmarks.serving.matrix import Effort, Samples
from benchmarks.serving.processes import take_the_load_core
from benchmarks.serving.results import Measured, Results
from benchmarks.serving.servers import PEERS

WHOLE, QUICK = Effort(rounds=5, seconds=2), Effort(rounds=1, seconds=2)
LONG = {WHOLE: 60, QUICK: 10}  # seconds that a model is slow or overloaded for


def main() -> int:
    """The exit code: 1 if something to measure with is missing."""
    parser = argparse.ArgumentParser(prog="make bench-serving", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, for developing; the page stays as it is")
    quick = parser.parse_args().quick
    console = Console()
    if packages := closed_loop.missing():
        console.print(f"to measure with, install: apt-get install {' '.join(packages)}")
        return 1
    with console.status("environments of the peers") as status:
        found = run(QUICK if quick else WHOLE, status.update)
    results.save(found)
    if not quick:
        publish(found)
    terminal.show(found, console)
    return 0


def run(effort: Effort, tell: Callable[[str], None]) -> Results:
    """Measure everything."""
    began, clock = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), time.monotonic()
    for peer in sorted({*PEERS.values(), "picture"}):
        environments.python(peer)
    environments.ours()
    tell("models")
    ready = [models.model(recipe) for recipe in models.RECIPES]
    models.slow_call(), models.slow_rows()
    take_the_load_core()
    tell("a slow model")
    slow = slow_model.measure(LONG[effort])
    tell("overload")
    over = overload.measure(LONG[effort])
    first = ready[0]
    started = starts.measure(first, effort.rounds, tell)
    loops = open_loop.measure(first, 2 * effort.seconds, tell)
    samples: Samples = {}
    wrong: list[Problem] = []
    for model in ready:
        of_model, problems = matrix.measure(model, effort, tell)
        samples |= of_model
        wrong += problems
    return Results(
        began=began,
        minutes=(time.monotonic() - clock) / 60,
        machine=results.machine(),
        versions=results.compared_versions(),
        effort=effort,
        titles={model.name: model.recipe.title for model in ready},
        engines={model.name: model.engine for model in ready},
        goals=[
            *goals.of_matrix(samples),
            *goals.of_starts(started),
            *goals.of_slow_model(slow),
            *goals.of_overload(over),
        ],
        cells=[Measured(cell, found) for cell, found in samples.items()],
        problems=wrong,
        starts=started,
        open_loop=loops,
        slow_model=slow,
        overload=over,
    )


def publish(found: Results) -> None:
    """The page and its picture."""
    page.write(found)
    figures.draw(Path(__file__).with_name("picture.py"), results.FILE, page.PICTURE)


if __name__ == "__main__":
    sys.exit(main())
