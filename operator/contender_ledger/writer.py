"""One thread writes. What waits is taken into one transaction; its senders are answered when that is on disk."""

import logging
import queue
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future

from contender_ledger import metrics
from contender_ledger.database import Database, Unavailable
from contender_ledger.recording import Outcome, Row, record

MOST_ROWS = 20_000  # in one transaction: about a second's worth, and a second is what the slowest answer waits

logger = logging.getLogger(__name__)


class Call:
    """The rows of one request, and its outcomes to come."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.outcomes: Future[Counter[Outcome]] = Future()


class Writer:
    """A queue and its thread. How much may wait is bounded by whoever puts it there."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def put(self, rows: Sequence[Row]) -> Future[Counter[Outcome]]:
        """The outcomes, once they are on disk. Unavailable if they will not be."""
        call = Call(rows)
        self._waiting.put(call)
        return call.outcomes

    def close(self) -> None:
        """Return when all that waited is written."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        last = False
        while not last:
            calls, last = self._taken()
            # A client that went away before its turn has withdrawn its call.
            self._settle([call for call in calls if call.outcomes.set_running_or_notify_cancel()])

    def _taken(self) -> tuple[list[Call], bool]:
        """All that waits, up to MOST_ROWS; and is that the end?"""
        calls: list[Call] = []
        rows = 0
        while rows < MOST_ROWS and not (calls and self._waiting.empty()):
            call = self._waiting.get()
            if call is None:
                return calls, True
            calls.append(call)
            rows += len(call.rows)
        return calls, False

    def _settle(self, calls: Sequence[Call]) -> None:
        if not calls:
            return
        try:
            outcomes = self._record(calls)
        except Exception as error:  # whatever it is, each sender is told
            self._failed(calls, error)
        else:
            for call, outcome in zip(calls, outcomes, strict=True):
                call.outcomes.set_result(outcome)

    def _record(self, calls: Sequence[Call]) -> list[Counter[Outcome]]:
        with metrics.COMMIT_SECONDS.time(), self._database.writing() as connection:
            return record(connection, [call.rows for call in calls])

    def _failed(self, calls: Sequence[Call], error: Exception) -> None:
        if not isinstance(error, Unavailable):
            logger.error("a transaction of %d calls failed", len(calls), exc_info=error)
            if len(calls) > 1:  # one of them is to blame: the others shall not suffer
                for call in calls:
                    self._settle([call])
                return
        for call in calls:
            call.outcomes.set_exception(error)
