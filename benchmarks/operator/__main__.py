"""`make bench-operator`: many ModelDeployments on one operator, as many Rollouts; an hour, `--quick` ten minutes."""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from itertools import product

from rich.console import Console

from benchmarks.operator import goals, page, results, run, stage
from benchmarks.operator.api import administrator
from benchmarks.operator.contestants import ArgoRollouts, Contender, Contestant
from benchmarks.operator.results import Results
from benchmarks.operator.run import Run
from benchmarks.serving.results import machine
from tests.cluster import Cluster, up

WHOLE, QUICK = (100, 500, 2000), (50, 100)
PATIENCE = 3600.0  # seconds for one step


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="make bench-operator", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="50 and 100 models; the page stays as it is")
    parser.add_argument("--models", type=int, nargs="+", help="other counts; the page stays as it is")
    chosen = parser.parse_args()
    counts = tuple(chosen.models or ()) or (QUICK if chosen.quick else WHOLE)
    console = Console()
    cluster = up()
    with cluster.reserved(), stage.set_up(cluster), console.status("models") as status:
        found = asyncio.run(measure(cluster, counts, status.update))
    if counts == WHOLE:
        page.write(found)
    for line in page.figures_of(found):
        console.print(line, soft_wrap=True)
    return 0


async def measure(cluster: Cluster, counts: Sequence[int], tell: Callable[[str], None]) -> Results:
    """Both with every count; each is kept as soon as it is there."""
    began, clock = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), time.monotonic()
    runs: list[Run] = []
    async with administrator(cluster) as api:
        contestants: tuple[Contestant, ...] = (Contender(), ArgoRollouts())
        for contestant in contestants:
            await run.clear(api, contestant)  # of a run that was broken off
        for count, contestant in product(counts, contestants):
            runs.append(await run.measure(cluster, api, contestant, count, PATIENCE, tell))
            found = Results(began, (time.monotonic() - clock) / 60, machine(), goals.of(runs), runs)
            results.save(found)
    return found


if __name__ == "__main__":
    sys.exit(main())
