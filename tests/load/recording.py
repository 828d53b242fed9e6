"""What clients saw: one record for each request, and the questions that tests and the demo ask of them."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    sent: float  # Unix time in seconds
    latency: float  # seconds until the last byte, a retry and its pause included
    status: int | None  # None: no answer came
    error: str  # why no answer came
    variant: str | None  # who answered
    attempts: int
    number: int = 0  # of the request, from 0
    receipt: str | None = None

    @property
    def answered(self) -> float:
        return self.sent + self.latency

    @property
    def failed(self) -> bool:
        return self.status != 200


class Recording:
    """Records in the order of their answers. One thread adds, any may ask."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._records = list(records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def add(self, record: Record) -> None:
        self._records.append(record)

    def between(self, start: float, end: float = math.inf) -> "Recording":
        """Those answered from `start` to `end`, in Unix time."""
        first = bisect_left(self._records, start, key=lambda record: record.answered)
        last = bisect_left(self._records, end, key=lambda record: record.answered)
        return Recording(self._records[first:last])

    def sent_since(self, start: float) -> "Recording":
        """Those sent at `start` or later: what was under way is not among them."""
        return Recording(record for record in self.between(start) if record.sent >= start)

    def of(self, variant: str) -> "Recording":
        return Recording(record for record in self if record.variant == variant)

    def variants(self) -> frozenset[str]:
        return frozenset(record.variant for record in self if record.variant is not None)

    def failed(self) -> list[Record]:
        return [record for record in self if record.failed]

    def retried(self) -> list[Record]:
        return [record for record in self if record.attempts > 1]

    def share(self, variant: str) -> float:
        """The part of all requests that `variant` answered, in percent; 0 when there are none."""
        return 100 * len(self.of(variant)) / max(1, len(self))

    def p99(self) -> float:
        """The latency in seconds that 99 % stay at or under (nearest rank); NaN when there are none."""
        latencies = sorted(record.latency for record in self)
        return latencies[math.ceil(0.99 * len(latencies)) - 1] if latencies else math.nan

    def first_seen(self, variant: str) -> float | None:
        """When the first request that `variant` answered was sent."""
        return min((record.sent for record in self.of(variant)), default=None)

    def last_seen(self, variant: str) -> float | None:
        """When the last request that `variant` answered was sent."""
        return max((record.sent for record in self.of(variant)), default=None)
