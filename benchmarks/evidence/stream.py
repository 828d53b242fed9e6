"""What the routers count in a trial, for many runs at once: requests and bad answers of both variants at each look.

A `World` says how a service behaves over time, a `Stream` is what is then seen of it. All judges of a cell see the same
stream, along the same ramp.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LOOK = 5  # seconds between two looks
RATE = 100  # requests a second, to both variants together
STEPS = (5, 25, 50)  # the challenger's share, in percent
SOAK = 60  # seconds for which each step is judged
STEP = SOAK // LOOK + 1  # looks of a step: the first straddles the change of the share, and is dropped
SETTLED = STEP * len(STEPS)  # looks until the last step has soaked: no sooner may anybody promote


@dataclass(frozen=True, slots=True)
class Count:
    """Bad answers out of all, by look and run."""

    events: Ints
    exposures: Ints


@dataclass(frozen=True, slots=True)
class Stream:
    """What a cell's runs let see. Every array has a row for each look and a column for each run."""

    champion: Count
    challenger: Count

    @property
    def looks(self) -> int:
        return len(self.champion.events)

    @property
    def runs(self) -> int:
        return int(self.champion.events.shape[1])


@dataclass(frozen=True, slots=True)
class World:
    """Chances of a bad answer, and the traffic; each by look and run, or one number."""

    champion: Floats
    challenger: Floats
    requests: Ints


Process = Callable[[np.random.Generator, int, int, float, float], World]  # dice, looks, runs, and the two base rates


def step_of(look: Ints) -> Ints:
    """The step that a look is in."""
    return np.minimum(look // STEP, len(STEPS) - 1)


def judged(counted: Ints) -> Ints:
    """The counts without those of a step's first look, which straddles the change of the share and is dropped."""
    looks = np.arange(len(counted))[:, None]
    return np.where((looks % STEP == 0) & (looks < SETTLED), 0, counted)


def shares(looks: int) -> Floats:
    """The challenger's share at each look, as a column."""
    return (np.array(STEPS)[step_of(np.arange(looks))] / 100)[:, None]


def draw(
    dice: np.random.Generator, world: World, looks: int, runs: int, clump: float = 1.0, late: float = 0.0
) -> Stream:
    """A world, seen.

    `clump` is the mean number of bad answers that come together (geometric), `late` the part of them that is counted
    one look later than the requests they belong to.
    """
    requests = np.broadcast_to(world.requests, (looks, runs))
    challenger = dice.binomial(requests, shares(looks))
    counts = [
        Count(_counted(dice, _bad(dice, exposures, chance, clump), late), exposures)
        for exposures, chance in ((requests - challenger, world.champion), (challenger, world.challenger))
    ]
    return Stream(*counts)


def _bad(dice: np.random.Generator, exposures: Ints, chance: Floats, clump: float) -> Ints:
    if clump == 1:
        return dice.binomial(exposures, chance)
    clumps = dice.binomial(exposures, chance / clump)
    rest = dice.negative_binomial(np.maximum(clumps, 1), 1 / clump)
    return np.minimum(np.where(clumps, clumps + rest, 0), exposures)


def _counted(dice: np.random.Generator, events: Ints, late: float) -> Ints:
    if not late:
        return events
    behind = dice.binomial(events, late)
    return events - behind + np.vstack([np.zeros_like(behind[:1]), behind[:-1]])


def constant(_dice: np.random.Generator, _looks: int, _runs: int, champion: float, challenger: float) -> World:
    """The same at all times."""
    return World(np.array(champion), np.array(challenger), np.array(LOOK * RATE))


def daily(dice: np.random.Generator, looks: int, runs: int, champion: float, challenger: float) -> World:
    """Traffic and bad answers go up and down with the hour, fourfold and ninefold; a trial begins at any hour."""
    hour = np.arange(looks)[:, None] * LOOK / 3600 + dice.uniform(0, 24, runs)
    wave = np.sin(2 * np.pi * hour / 24)
    requests = dice.poisson(LOOK * RATE * (1 + 0.6 * wave))
    return World(champion * (1 + 0.8 * wave), challenger * (1 + 0.8 * wave), requests)


def bursts(dice: np.random.Generator, looks: int, runs: int, champion: float, challenger: float) -> World:
    """Every ten minutes, for about a minute, ten times as many bad answers on both."""
    worse = np.where(episodes(dice, looks, runs, apart=600, lasting=60), 10.0, 1.0)
    return World(champion * worse, challenger * worse, np.array(LOOK * RATE))


def common_outages(dice: np.random.Generator, looks: int, runs: int, champion: float, challenger: float) -> World:
    """Every 20 minutes, for about half a minute, something behind both fails: half of all answers are bad."""
    down = episodes(dice, looks, runs, apart=1200, lasting=30)
    return World(np.where(down, 0.5, champion), np.where(down, 0.5, challenger), np.array(LOOK * RATE))


def own_outages(dice: np.random.Generator, looks: int, runs: int, champion: float, challenger: float) -> World:
    """Each variant by itself: every 20 minutes, for about half a minute, one answer in ten is bad, as of a lost pod."""
    theirs, ours = (episodes(dice, looks, runs, apart=1200, lasting=30) for _ in range(2))
    return World(np.where(theirs, 0.1, champion), np.where(ours, 0.1, challenger), np.array(LOOK * RATE))


def challengers_outages(dice: np.random.Generator, looks: int, runs: int, champion: float, challenger: float) -> World:
    """As `own_outages`, but only the challenger has them."""
    down = episodes(dice, looks, runs, apart=1200, lasting=30)
    return World(np.array(champion), np.where(down, 0.1, challenger), np.array(LOOK * RATE))


def episodes(dice: np.random.Generator, looks: int, runs: int, apart: float, lasting: float) -> Bools:
    """Looks in a bad episode: a two-state Markov chain, begun in its balance. Times in seconds."""
    begin, end = LOOK / apart, LOOK / lasting
    state = dice.random(runs) < begin / (begin + end)
    change = dice.random((looks, runs))
    found = np.empty((looks, runs), dtype=bool)
    for look in range(looks):
        found[look] = state
        state = np.where(state, change[look] >= end, change[look] < begin)
    return found
