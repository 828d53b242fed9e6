"""Labels per second on one core, and how long the operator waits for evidence from a million of them.

The ledger is pinned to one core; the database server and the sender have the others. On a machine that does other work
too, the rate by the clock says what was left of that core, and the rate by the ledger's CPU time what a core gives.
"""

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import msgspec

from benchmarks.serving.goals import Goal
from benchmarks.serving.results import OUT, machine
from tests.ledger.conftest import running
from tests.ledger.postgres import postgres
from tests.ledger.process import Ledger, Mounts
from tests.ledger.sealing import now

FILE = OUT / "ledger.json"
DEPLOYMENT = "bench"
LABELS_A_CALL = 10_000
SENDERS = 3
WANTED = {"SQLite": 5_000, "PostgreSQL": 10_000}  # labels per second
HOURS = 6
HOUR = 3_600_000
ROUNDS = 15
CLASSES = ({"measure": "accuracy"}, {"measure": "recall", "class": 1}, {"measure": "precision", "class": 1})
DEVIATION = {"measure": "deviation", "tolerance": 1}


@dataclass(frozen=True, slots=True)
class Measured:
    """One database."""

    database: str
    labels: int
    seconds: float
    cpu_seconds: float  # of the ledger alone
    single_labels: float  # calls of one label per second, from 16 senders
    classes_milliseconds: list[float]
    deviation_milliseconds: list[float]


@dataclass(frozen=True, slots=True)
class Results:
    """One run."""

    began: str
    machine: str
    load: float  # processes that wanted a core, when it began
    goals: list[Goal]
    measured: list[Measured]


def main() -> None:
    """Measure both, and keep it."""
    parser = argparse.ArgumentParser(prog="make bench-ledger", description=__doc__)
    parser.add_argument("--labels", type=int, default=1_000_000)
    labels = parser.parse_args().labels
    began, load = time.strftime("%Y-%m-%d %H:%M"), os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="contender-bench-") as folder, postgres() as server:
        mounts = Mounts.made(Path(folder))
        urls = {"SQLite": f"sqlite:///{folder}/ledger.db", "PostgreSQL": server.database()}
        measured = [_measured(name, url, mounts, labels) for name, url in urls.items()]
    goals = [goal for each in measured for goal in _goals(each)]
    OUT.mkdir(exist_ok=True)
    results = Results(began, machine(), load, goals, measured)
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(results)))
    for goal in goals:
        print(f"{goal.name}: {goal.measured()} (goal {goal.goal})")  # noqa: T201


def _measured(name: str, url: str, mounts: Mounts, labels: int) -> Measured:
    with running(url, mounts, "taskset", "-c", "0") as ledger:
        bodies = list(_bodies(ledger, labels))
        cpu, began = _cpu_seconds(ledger.process.pid), time.monotonic()
        with ThreadPoolExecutor(SENDERS) as pool:
            taken = sum(pool.map(lambda body: _taken(ledger, body), bodies))
        seconds, cpu = time.monotonic() - began, _cpu_seconds(ledger.process.pid) - cpu
        single = _single_labels(ledger)
        classes, deviation = (_waits(ledger, *measures) for measures in (CLASSES, (*CLASSES, DEVIATION)))
    if taken != labels:
        raise SystemExit(f"{name}: {taken:,} of {labels:,} labels were taken: the figures mean nothing")
    return Measured(name, labels, seconds, cpu, single, classes, deviation)


def _goals(found: Measured) -> list[Goal]:
    wanted = WANTED[found.database]
    clock, core = found.labels / found.seconds, found.labels / found.cpu_seconds
    waits = {"classes": found.classes_milliseconds, "and a deviation": found.deviation_milliseconds}
    return [
        Goal(f"{found.database}: labels by the clock", f">= {wanted:,}", clock, "labels/s", clock >= wanted),
        Goal(f"{found.database}: labels by the core's time", f">= {wanted:,}", core, "labels/s", core >= wanted),
        *(
            Goal(
                f"{found.database}: evidence of {found.labels:,} labels, {what}",
                "< 500",
                statistics.median(waited),
                "ms",
                statistics.median(waited) < 500,
            )
            for what, waited in waits.items()
        ),
    ]


def _bodies(ledger: Ledger, labels: int) -> Iterator[bytes]:
    """In the order of the predictions, as a table of labels is; within a body in any."""
    dice = random.Random(1)  # noqa: S311 -- no secrets
    sealers = [ledger.sealer(DEPLOYMENT, variant) for variant in "ab"]
    span = HOURS * HOUR * LABELS_A_CALL // labels
    for since in range(now() - HOURS * HOUR, now() - span // 2, span):
        sent = (
            (dice.choice(sealers).seal(dice.randrange(4), at=since + dice.randrange(span)), dice.randrange(4))
            for _ in range(LABELS_A_CALL)
        )
        yield b"[" + b",".join(f'{{"receipt":"{receipt}","label":{label}}}'.encode() for receipt, label in sent) + b"]"


def _taken(ledger: Ledger, body: bytes) -> int:
    while (answer := ledger.send(DEPLOYMENT, body)).status == 429:
        time.sleep(0.2)
    taken: int = answer.json()["taken"]
    return taken


def _single_labels(ledger: Ledger) -> float:
    sealer = ledger.sealer(DEPLOYMENT + "-single")
    bodies = [f'[{{"receipt":"{sealer.seal(1)}","label":1}}]'.encode() for _ in range(2000)]
    began = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda body: ledger.send(DEPLOYMENT + "-single", body), bodies))
    return len(bodies) / (time.monotonic() - began)


def _waits(ledger: Ledger, *measures: dict[str, object]) -> list[float]:
    """Milliseconds of each question about both variants in three windows, which the whole time is cut into."""
    since = now() - (HOURS + 1) * HOUR
    edges = [since, since + 2 * HOUR + 12_345, since + 5 * HOUR + 54_321, None]
    windows = [{"since": one, "until": other} for one, other in pairwise(edges)]
    waits = []
    for _ in range(ROUNDS):
        began = time.monotonic()
        answer = ledger.ask(DEPLOYMENT, {"windows": windows, "variants": ["a", "b"], "measures": list(measures)})
        waits.append(1000 * (time.monotonic() - began))
        answer.json()["windows"]
    return waits


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
