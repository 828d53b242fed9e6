"""A story's labels: requests of which the digit is known, and who tells it later."""

from functools import partial
from pathlib import Path

import numpy as np

from tests import labelling, models
from tests.e2e.story import Story
from tests.labelling import Labeller
from tests.load import Recording


class Digits:
    """A load's bodies, each of one digit that is known."""

    def __init__(self) -> None:
        rows, self._digits = models.digits()
        self._order = np.random.default_rng(0).permutation(len(rows))
        self._bodies = [models.v2_request(rows[place][None]) for place in self._order]

    def __call__(self, number: int) -> bytes:
        return self._bodies[number % len(self._bodies)]

    def of(self, number: int) -> int:
        """The digit that request asked about."""
        return int(self._digits[self._order[number % len(self._order)]])


def labeller(story: Story, digits: Digits, answers: Recording, folder: Path) -> Labeller:
    """Tells the digits that a story's traffic asked about."""
    command = partial(contender, story)
    return Labeller(command, story.scene.name, digits.of, answers, folder)


def contender(story: Story, *arguments: str) -> str:
    """What the command says, which must end well."""
    return labelling.contender(story.scene.cluster, story.scene.namespace, *arguments)
