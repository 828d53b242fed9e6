"""Contender's own judge, over many runs at once: the arithmetic of `contender.rollout`, its rules in their order.

What the operator does for one trial after the other is done here for all together, with its own constants and
alternatives. `tests/unit/test_bench_evidence.py` holds it to the operator's verdicts, look by look. Log-likelihood
ratios are not rounded to six digits after each look, as they are for the Trial.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.evidence.outcome import Outcome, Verdict
from benchmarks.evidence.stream import SETTLED, STEP, Bools, Floats, Ints, Stream
from contender.api import Guardrail, Measure
from contender.rollout import evalues

CONFIDENCE = 0.95
BAR = -math.log(1 - CONFIDENCE)  # of one guardrail: the same for a breach and for a proof
RATIO, BELOW = 1.25, 0.001
GUARDRAIL = Guardrail(Measure.ERRORS, None, RATIO, BELOW)
BOUND = BELOW / (1 - BELOW)  # as odds

LARGER = np.array(evalues.LARGER)[:, None]
SMALLER = np.array(evalues.SMALLER)[:, None]
BETTER = np.vstack([[[1 / RATIO]], SMALLER])  # the expected one first: as good as the champion


@dataclass(slots=True)
class Runs:
    """The evidence of the runs that are open: a column for each."""

    number: Ints
    worse: Floats
    better: Floats
    trial: Floats  # the challenger's bad answers, and all of its answers
    step: Floats

    @classmethod
    def begin(cls, runs: int) -> "Runs":
        nothing = np.zeros((2, runs))
        return cls(np.arange(runs), np.zeros((len(LARGER), runs)), np.zeros((len(BETTER), runs)), nothing, nothing)

    def begin_step(self) -> None:
        self.better = np.zeros_like(self.better)
        self.step = np.zeros_like(self.step)

    def absorb(self, champion: Floats, challenger: Floats) -> None:
        """One more look: events and exposures of both."""
        self.trial = self.trial + challenger
        self.step = self.step + challenger
        odds = RATIO * challenger[1] / champion[1]
        events, all_events = challenger[0], champion[0] + challenger[0]
        self.worse = self.worse + likelihood(events, all_events, odds, LARGER)
        self.better = self.better + likelihood(events, all_events, odds, BETTER)

    def breached(self) -> Bools:
        """Whether the lesser of the two e-values reaches the bar."""
        found: Bools = self.worse.max(axis=0) >= BAR  # a mean does not exceed its largest: most runs are done with here
        above = log_mean(likelihood(self.trial[0, found], self.trial[1, found], BOUND, LARGER))
        found[found] = np.minimum(log_mean(self.worse[:, found]), above) >= BAR
        return found

    def proved(self) -> Bools:
        """Whether the mean of the two e-values reaches the bar."""
        events, exposures = self.step
        rare = likelihood(events, exposures, BOUND, SMALLER)
        none = np.where(events > 0, -np.inf, exposures * math.log1p(BOUND))
        found: Bools = np.maximum(np.maximum(self.better.max(axis=0), rare.max(axis=0)), none) >= BAR
        better = self.better[:, found]
        ratio, below = log_bet(better[0], better[1:]), log_bet(none[found], rare[:, found])
        found[found] = log_bet(ratio, below[None]) >= BAR
        return found

    def keep(self, open_: Bools) -> None:
        self.number = self.number[open_]
        self.worse, self.better = self.worse[:, open_], self.better[:, open_]
        self.trial, self.step = self.trial[:, open_], self.step[:, open_]


def judge(stream: Stream) -> Outcome:
    """The operator's verdicts: `guardrail_is_breached` before all patience, `every_guardrail_is_proved` at the end."""
    runs = Runs.begin(stream.runs)
    outcome = Outcome(np.full(stream.runs, Verdict.OPEN), np.full(stream.runs, stream.looks - 1))
    for look in range(stream.looks):
        if look % STEP == 0 and look < SETTLED:
            runs.begin_step()  # and the interval that straddles the change of the share is dropped
            continue
        champion, challenger = (
            np.array([count.events[look, runs.number], count.exposures[look, runs.number]], dtype=float)
            for count in (stream.champion, stream.challenger)
        )
        runs.absorb(champion, challenger)
        rejected = runs.breached()
        promoted = ~rejected & runs.proved() if look >= SETTLED - 1 else np.zeros_like(rejected)
        _give(outcome, runs, look, {Verdict.REJECTED: rejected, Verdict.PROMOTED: promoted})
        if not len(runs.number):
            break
    return outcome


def _give(outcome: Outcome, runs: Runs, look: int, given: Mapping[Verdict, Bools]) -> None:
    for verdict, where in given.items():
        outcome.verdict[runs.number[where]] = verdict
        outcome.look[runs.number[where]] = look
    decided = given[Verdict.REJECTED] | given[Verdict.PROMOTED]
    if decided.any():
        runs.keep(~decided)


def likelihood(events: Floats, of: Floats, odds: Floats | float, factors: Floats) -> Floats:
    """`evalues.log_likelihood_ratio`, of every factor (rows) and run (columns)."""
    return np.asarray(events * np.log(factors) - of * (np.log1p(odds * factors) - np.log1p(odds)))


def log_mean(logs: Floats) -> Floats:
    """`evalues.log_mean`, of each run."""
    largest = logs.max(axis=0)
    return np.asarray(largest + np.log(np.exp(logs - largest).mean(axis=0)))


def log_bet(expected: Floats, others: Floats) -> Floats:
    """`evalues.log_bet`, of each run."""
    return np.logaddexp(expected, log_mean(others)) - math.log(2)
