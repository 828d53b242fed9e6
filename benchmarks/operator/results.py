"""All that a run found, as it is kept in benchmarks/out/operator.json."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.operator.run import Run
from benchmarks.serving.goals import Goal

OUT = Path(__file__).parents[1] / "out"
FILE = OUT / "operator.json"


@dataclass(frozen=True, slots=True)
class Results:
    """One run."""

    began: str
    minutes: float
    machine: str
    goals: list[Goal]
    runs: list[Run]


def save(results: Results) -> None:
    """Keep a run."""
    OUT.mkdir(exist_ok=True)
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(results)))


def load() -> Results:
    """The run that was kept last."""
    return msgspec.json.decode(FILE.read_bytes(), type=Results)
