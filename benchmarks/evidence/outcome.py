"""What a judge said of each run of a cell, and the columns of the tables that follow from it."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from benchmarks.evidence.stream import Floats, Ints, Stream


class Verdict(IntEnum):
    """Of one run."""

    OPEN = 0
    PROMOTED = 1
    REJECTED = 2


class Truth(IntEnum):
    """Of a cell. On the bound no verdict is right, and each may be given in one run of twenty."""

    FINE = 0
    BOUND = 1
    WORSE = 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """One judge's verdicts on a stream, by run."""

    verdict: Ints
    look: Ints  # at which it was given, counted from 0; the last one while it is open


@dataclass(frozen=True, slots=True)
class Figures:
    """One judge in one cell. Shares are of the runs."""

    wrong_promotions: float
    wrong_rejections: float
    undecided: float
    median: float | None  # requests to the verdict; none if it is not given in so many of the runs
    p90: float | None
    bad: float


def figures(outcome: Outcome, stream: Stream, truth: Truth) -> Figures:
    """The columns of one judge and cell."""
    given = {verdict: float(np.mean(outcome.verdict == verdict)) for verdict in Verdict}
    requests = np.cumsum(stream.champion.exposures + stream.challenger.exposures, axis=0)
    runs = np.arange(stream.runs)
    needed = np.where(outcome.verdict == Verdict.OPEN, np.inf, requests[outcome.look, runs])
    return Figures(
        wrong_promotions=0.0 if truth is Truth.FINE else given[Verdict.PROMOTED],
        wrong_rejections=0.0 if truth is Truth.WORSE else given[Verdict.REJECTED],
        undecided=given[Verdict.OPEN],
        median=_quantile(needed, 0.5),
        p90=_quantile(needed, 0.9),
        bad=bad_answers(outcome, stream),
    )


def bad_answers(outcome: Outcome, stream: Stream) -> float:
    """Answers that the challenger got wrong before the verdict, or before the end: the mean of the runs."""
    bad = np.cumsum(stream.challenger.events, axis=0)
    return float(np.mean(bad[outcome.look, np.arange(stream.runs)]))


def _quantile(values: Floats, share: float) -> float | None:
    found = float(np.quantile(values, share, method="higher"))
    return found if np.isfinite(found) else None
