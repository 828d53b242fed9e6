"""Contender's own judge, over many runs at once: the arithmetic of `contender.rollout`, its rules in their order.

What the operator does for one trial after the other is done here for all together, with its own alternatives and
constants. `tests/unit/test_bench_evidence.py` holds it to the operator's verdicts, look by look.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.evidence.outcome import Outcome, Verdict
from benchmarks.evidence.stream import SETTLED, STEP, Bools, Count, Floats, Ints, Stream
from contender.api import Guardrail, Measure
from contender.rollout.dispersion import CLEAR, ENOUGH
from contender.rollout.evalues import ABOVE, DIGITS, RARE, Mixture
from contender.rollout.ratio import WORSE, fine

CONFIDENCE = 0.95
BAR = -math.log(1 - CONFIDENCE)  # of one guardrail: the same for a breach and for a proof
RATIO, BELOW = 1.25, 0.001
GUARDRAIL = Guardrail(Measure.ERRORS, None, RATIO, BELOW)
BOUND = BELOW / (1 - BELOW)  # as odds


@dataclass(frozen=True, slots=True)
class Bets:
    """A `Mixture`, as columns."""

    factors: Floats
    gains: Floats
    parts: Floats

    @classmethod
    def of(cls, mixture: Mixture) -> "Bets":
        factors, parts = np.array(mixture.factors)[:, None], np.array(mixture.parts)[:, None]
        return cls(factors, np.log(factors), parts)

    def likelihood(self, events: Floats, of: Floats, odds: Floats | float) -> Floats:
        """`evalues.log_likelihood_ratio`, of every factor (rows) and run (columns)."""
        return np.asarray(events * self.gains - of * (np.log1p(odds * self.factors) - np.log1p(odds)))

    def log_mean(self, logs: Floats) -> Floats:
        """`Mixture.log_mean`, of each run."""
        largest = logs.max(axis=0)
        return np.asarray(largest + np.log((self.parts * np.exp(logs - largest)).sum(axis=0)))


WORSE_RATIO, FINE_RATIO = Bets.of(WORSE), Bets.of(fine(RATIO))
ABOVE_BELOW, UNDER_BELOW = Bets.of(ABOVE), Bets.of(RARE)


@dataclass(slots=True)
class Dispersions:
    """`dispersion.Dispersion`, of each run."""

    seen: Floats
    looks: Floats
    variance: Floats

    @property
    def factor(self) -> Floats:
        chance = self.looks + CLEAR * np.sqrt(self.variance)
        return np.maximum(1.0, self.seen / np.maximum(chance, 1.0))

    def absorb(self, champion: Floats, challenger: Floats, before: tuple[Floats, Floats]) -> None:
        """Each has a row of events and one of exposures; `before` are the step's counts so far, of both."""
        theirs, ours, events = before[0][0], before[1][0], champion[0] + challenger[0]
        ratio = np.divide(rate(before[1]), rate(before[0]), out=np.zeros_like(ours), where=theirs > 0)
        odds = challenger[1] / np.maximum(champion[1], 1) * ratio
        part = odds / (1 + odds)
        spread = events * part * (1 - part)
        some = compared(champion, challenger) & (ratio > 0) & (spread >= ENOUGH)
        spread = np.where(some, spread, 1)
        foretold = spread * (1 + spread * (1 / (ours + 0.5) + 1 / (theirs + 0.5)))
        surprise = (challenger[0] - events * part) ** 2 / foretold
        self.seen = stored(self.seen + np.where(some, surprise, 0))
        self.looks = self.looks + some
        self.variance = stored(self.variance + np.where(some, 2 + 1 / spread, 0))


@dataclass(slots=True)
class Runs:
    """The evidence of the runs that are open: a column for each."""

    number: Ints
    worse: Floats
    better: Floats
    dispersion: Dispersions
    trial: Floats  # the challenger's bad answers, and all of its answers
    step: tuple[Floats, Floats]  # the same, of champion and challenger

    @classmethod
    def begin(cls, runs: int) -> "Runs":
        nothing = np.zeros((2, runs))
        dispersion = Dispersions(*np.zeros((3, runs)))
        worse, better = np.zeros((len(WORSE_RATIO.factors), runs)), np.zeros((len(FINE_RATIO.factors), runs))
        return cls(np.arange(runs), worse, better, dispersion, nothing, (nothing, nothing))

    def begin_step(self) -> None:
        self.better = np.zeros_like(self.better)
        self.step = (np.zeros_like(self.trial), np.zeros_like(self.trial))

    def absorb(self, champion: Floats, challenger: Floats) -> None:
        """One more look: events and exposures of both."""
        weight = np.where(compared(champion, challenger), 1 / self.dispersion.factor, 0)
        odds = RATIO * challenger[1] / np.maximum(champion[1], 1)
        events, all_events = weight * challenger[0], weight * (champion[0] + challenger[0])
        self.worse = stored(self.worse + WORSE_RATIO.likelihood(events, all_events, odds))
        self.better = stored(self.better + FINE_RATIO.likelihood(events, all_events, odds))
        self.dispersion.absorb(champion, challenger, self.step)
        self.trial = self.trial + challenger
        self.step = (self.step[0] + champion, self.step[1] + challenger)

    def breached(self) -> Bools:
        """Whether the lesser of the two e-values reaches the bar."""
        found: Bools = self.worse.max(axis=0) >= BAR  # a mean does not exceed its largest: most runs are done with here
        above = ABOVE_BELOW.log_mean(ABOVE_BELOW.likelihood(self.trial[0, found], self.trial[1, found], BOUND))
        found[found] = np.minimum(WORSE_RATIO.log_mean(self.worse[:, found]), above) >= BAR
        return found

    def proved(self) -> Bools:
        """Whether the mean of the two e-values reaches the bar."""
        events, exposures = self.step[1]
        rare = UNDER_BELOW.likelihood(events, exposures, BOUND)
        found: Bools = np.maximum(self.better.max(axis=0), rare.max(axis=0)) >= BAR
        ratio, below = FINE_RATIO.log_mean(self.better[:, found]), UNDER_BELOW.log_mean(rare[:, found])
        found[found] = np.logaddexp(ratio, below) - math.log(2) >= BAR
        return found

    def keep(self, open_: Bools) -> None:
        self.number = self.number[open_]
        self.worse, self.better = self.worse[:, open_], self.better[:, open_]
        spread = self.dispersion
        self.dispersion = Dispersions(spread.seen[open_], spread.looks[open_], spread.variance[open_])
        self.trial = self.trial[:, open_]
        self.step = (self.step[0][:, open_], self.step[1][:, open_])


def judge(stream: Stream) -> Outcome:
    """The operator's verdicts: `guardrail_is_breached` before all patience, `every_guardrail_is_proved` at the end."""
    runs = Runs.begin(stream.runs)
    outcome = Outcome(np.full(stream.runs, Verdict.OPEN), np.full(stream.runs, stream.looks - 1))
    for look in range(stream.looks):
        if look % STEP == 0 and look < SETTLED:
            runs.begin_step()  # and the interval that straddles the change of the share is dropped
            continue
        runs.absorb(*(_seen(count, look, runs.number) for count in (stream.champion, stream.challenger)))
        rejected = runs.breached()
        promoted = ~rejected & runs.proved() if look >= SETTLED - 1 else np.zeros_like(rejected)
        _give(outcome, runs, look, {Verdict.REJECTED: rejected, Verdict.PROMOTED: promoted})
        if not len(runs.number):
            break
    return outcome


def compared(champion: Floats, challenger: Floats) -> Bools:
    """Whether both have answered."""
    return np.asarray((champion[1] > 0) & (challenger[1] > 0))


def rate(seen: Floats) -> Floats:
    """Events by exposure; 0 before the first."""
    return np.asarray(seen[0] / np.maximum(seen[1], 1))


def stored(logs: Floats) -> Floats:
    """`evalues.stored`."""
    return np.asarray(np.rint(logs * DIGITS) / DIGITS)


def _seen(count: Count, look: int, runs: Ints) -> Floats:
    return np.array([count.events[look, runs], count.exposures[look, runs]], dtype=float)


def _give(outcome: Outcome, runs: Runs, look: int, given: Mapping[Verdict, Bools]) -> None:
    for verdict, where in given.items():
        outcome.verdict[runs.number[where]] = verdict
        outcome.look[runs.number[where]] = look
    decided = given[Verdict.REJECTED] | given[Verdict.PROMOTED]
    if decided.any():
        runs.keep(~decided)
