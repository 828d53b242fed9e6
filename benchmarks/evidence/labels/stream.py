"""What the ledger tells in a trial, look by look, for many runs at once: labels that come late, or do not.

A `World` says of which classes requests are, how often each variant is wrong on them, and whether and when a label
comes. A `Stream` is what the ledger then has counted, in the windows that the operator asks it for. The unit of time is
a look.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np

from benchmarks.evidence.stream import STEPS, Floats, Ints
from contender.api import Guardrail
from contender.observation import Labelled

LOOKS = 36  # of a trial
SOAK = 3  # looks for which each share is judged
STEP = SOAK + 1  # looks of a step: at the first its window is opened, at the last the next share is decided on
POINTS = (np.arange(1000) + 0.5) / 1000  # quantiles that stand for a distribution
VARIANTS = CHAMPION, CHALLENGER = "champion", "challenger"


@dataclass(frozen=True, slots=True)
class Delay:
    """How long after an answer its label comes, in looks."""

    mean: float
    spread: float | None = None  # of a lognormal: the standard deviation of its logarithm; without, it is exponential

    @property
    def points(self) -> Floats:
        """Delays of which each is as likely as the others."""
        if self.spread is None:
            return np.asarray(-self.mean * np.log1p(-POINTS))
        normal = np.array([NormalDist().inv_cdf(point) for point in POINTS])
        return np.asarray(self.mean * np.exp(self.spread * normal - self.spread**2 / 2))

    def arrived(self, begin: int, end: int) -> Floats:
        """Of the labels of answers given evenly from `begin` to `end`, the part that has come by each look."""
        looks = np.arange(LOOKS)[:, None]
        return np.asarray(np.clip((looks - begin - self.points) / (end - begin), 0, 1).mean(axis=1))


@dataclass(frozen=True, slots=True)
class Kind:
    """Requests whose label is of one class. Pairs are the champion's and the challenger's."""

    name: str
    part: float  # of all requests
    wrong: tuple[float, float]  # shares of answers that are wrong
    delay: Delay


@dataclass(frozen=True, slots=True)
class World:
    """A service and its labels. Pairs are the champion's and the challenger's."""

    kinds: tuple[Kind, ...]
    requests: int = 1500  # from look to look, to both variants together
    coverage: tuple[float, float] = (1.0, 1.0)  # part of the answers that get a label, some day
    told: tuple[float, float] = (1.0, 1.0)  # part of the wrong ones among these that do

    def labelled(self, variant: int) -> Sequence[float]:
        """The part of a variant's right answers that get a label, and that of its wrong ones."""
        return self.coverage[variant], self.coverage[variant] * self.told[variant]


@dataclass(frozen=True)
class Stream:
    """What a cell's runs let see: labels that have come, by run, look, window, variant, kind, and right or wrong."""

    kinds: tuple[Kind, ...]
    come: Ints

    @property
    def runs(self) -> int:
        return len(self.come)

    @cached_property
    def labels(self) -> Ints:
        """By run and look: labels of both variants that have come."""
        return np.asarray(self.come.sum(axis=(2, 3, 4, 5)))

    def told(self, run: int, guardrails: Sequence[Guardrail]) -> list[list[dict[str, Labelled]]]:
        """The ledger's answers in one run, by look and window."""
        seen = self.come[run]
        answers = seen.sum(axis=(-2, -1)).tolist()
        counts = np.stack([self._counts(seen, guardrail) for guardrail in guardrails], axis=-2).tolist()
        return [
            [
                {name: Labelled(of, tuple(map(tuple, each))) for name, of, each in zip(VARIANTS, *both, strict=True)}
                for both in zip(*look, strict=True)
            ]
            for look in zip(answers, counts, strict=True)
        ]

    def _counts(self, seen: Ints, guardrail: Guardrail) -> Ints:
        """Events and exposures of accuracy, or of recall of a class, by look, window and variant."""
        about = [guardrail.class_ in {None, kind.name} for kind in self.kinds]
        of = seen[..., about, :].sum(axis=-2)
        return np.stack([of[..., 1], of.sum(axis=-1)], axis=-1)


def windows() -> list[tuple[int, int]]:
    """The looks at which each share's window is opened and closed; the last one stays open."""
    return [(step * STEP, LOOKS - 1 if step == len(STEPS) - 1 else step * STEP + SOAK) for step in range(len(STEPS))]


def draw(dice: np.random.Generator, world: World, runs: int) -> Stream:
    """A world, seen."""
    come = np.zeros((runs, LOOKS, len(STEPS), len(VARIANTS), len(world.kinds), 2), dtype=np.int64)
    for window, (begin, end) in enumerate(windows()):
        parts = [kind.part for kind in world.kinds]
        served = dice.multinomial(world.requests * (end - begin), parts, size=runs)
        ours = dice.binomial(served, STEPS[window] / 100)
        for variant, answers in enumerate((served - ours, ours)):
            for number, kind in enumerate(world.kinds):
                wrong = dice.binomial(answers[:, number], kind.wrong[variant])
                for outcome, given in enumerate((answers[:, number] - wrong, wrong)):
                    labels = dice.binomial(given, world.labelled(variant)[outcome])
                    come[:, :, window, variant, number, outcome] = _come(dice, labels, kind.delay.arrived(begin, end))
    return Stream(world.kinds, come)


def _come(dice: np.random.Generator, labels: Ints, arrived: Floats) -> Ints:
    """Of so many labels of each run, those that have come by each look."""
    chances = np.diff(arrived, prepend=0, append=1)
    return dice.multinomial(labels, chances / math.fsum(chances))[:, :-1].cumsum(axis=1)
