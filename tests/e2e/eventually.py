"""Waiting for what a controller does in its own time."""

import time
from collections.abc import Callable
from typing import TypeVar

from tests.cluster import Failed

T = TypeVar("T")
PAUSE = 0.5  # seconds between two looks


def eventually(check: Callable[[], T], *, within: float, otherwise: Callable[[], str]) -> T:
    """What `check` returns, once it does so without complaint; its last complaint and `otherwise()` when time is up."""
    deadline = time.monotonic() + within
    while True:
        try:
            return check()
        except (AssertionError, Failed) as error:
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {within:g} s: {error}\n\n{otherwise()}") from None
        time.sleep(PAUSE)
