"""Clients who change what they ask."""

import time
from collections.abc import Callable

Body = Callable[[int], bytes]


class Turn:
    """A `Load`'s body that is one until it turns, and another from then on."""

    def __init__(self, first: Body, then: Body) -> None:
        self._now, self._then = first, then

    def __call__(self, number: int) -> bytes:
        return self._now(number)

    def turns(self) -> float:
        """Turn, and tell when, in Unix time."""
        self._now = self._then
        return time.time()
