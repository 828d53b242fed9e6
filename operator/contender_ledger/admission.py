"""How much may be in memory at once: bodies of calls that are not answered yet, by their size."""

from collections.abc import Iterator
from contextlib import contextmanager

from contender_ledger import metrics
from contender_ledger.body import MOST_BYTES


class Busy(Exception):
    """The queue is full: come again."""


class Admission:
    """The bounded queue: a call has its place in it from its first byte until its answer."""

    def __init__(self) -> None:
        self._waiting = 0

    @contextmanager
    def of(self, size: int | None) -> Iterator[None]:
        """A place for a body of `size` bytes, None if unknown; Busy where there is none. An idle queue has one."""
        wanted = MOST_BYTES if size is None else size
        if self._waiting and self._waiting + wanted > MOST_BYTES:
            raise Busy
        self._add(wanted)
        try:
            yield
        finally:
            self._add(-wanted)

    def _add(self, size: int) -> None:
        self._waiting += size
        metrics.WAITING_BYTES.set(self._waiting)
