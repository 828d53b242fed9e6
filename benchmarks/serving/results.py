"""All that a run found, as it is kept in benchmarks/out/serving.json."""

import os
import platform
import statistics
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import msgspec

from benchmarks.serving.checks import Problem
from benchmarks.serving.closed_loop import Sample
from benchmarks.serving.environments import versions
from benchmarks.serving.goals import Goal
from benchmarks.serving.matrix import Cell, Effort
from benchmarks.serving.open_loop import OpenLoop
from benchmarks.serving.overload import Overload
from benchmarks.serving.slow_model import SlowModel
from benchmarks.serving.starts import Start

OUT = Path(__file__).parents[1] / "out"
FILE = OUT / "serving.json"
COMPARED = {"mlserver": "mlserver", "kserve": "kserve", "fastapi": "fastapi"}  # peer: the package that it is named by
OURS = ("contender-serving", "scikit-learn", "onnxruntime", "numpy", "uvloop", "httptools", "msgspec")


@dataclass(frozen=True, slots=True)
class Measured:
    """One cell, and its figures of each round."""

    cell: Cell
    samples: list[Sample]

    def rate(self) -> float:
        """Answers per second: the median."""
        return statistics.median(sample.rate for sample in self.samples)

    def spread(self) -> tuple[float, float]:
        """Answers per second: the least and the most."""
        rates = [sample.rate for sample in self.samples]
        return min(rates), max(rates)

    def p50(self) -> float:
        """Milliseconds: the median of the medians."""
        return statistics.median(sample.p50 for sample in self.samples)

    def p99(self) -> float:
        """Milliseconds: the median of the 99th percentiles."""
        return statistics.median(sample.p99 for sample in self.samples)

    def errors(self) -> int:
        """Answers that were not a 2xx, of all rounds."""
        return sum(sample.errors for sample in self.samples)


@dataclass(frozen=True, slots=True)
class Results:
    """One run."""

    began: str
    minutes: float
    machine: str
    versions: dict[str, str]
    effort: Effort
    titles: dict[str, str]  # of the models
    engines: dict[str, str]  # of the models, in Contender, and why
    goals: list[Goal]
    cells: list[Measured]
    problems: list[Problem]
    starts: dict[str, list[Start]]
    open_loop: dict[str, OpenLoop]
    slow_model: SlowModel
    overload: Overload


def save(results: Results) -> None:
    """Keep a run."""
    OUT.mkdir(exist_ok=True)
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(results)))


def load() -> Results:
    """The run that was kept last."""
    return msgspec.json.decode(FILE.read_bytes(), type=Results)


def machine() -> str:
    """What it ran on."""
    models = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def compared_versions() -> dict[str, str]:
    """Of ourselves, and of the peers."""
    theirs = {package: versions(peer)[package] for peer, package in COMPARED.items()}
    return {package: version(package) for package in OURS} | theirs
