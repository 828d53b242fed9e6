"""What the server counts. Cheap, for every request passes here; `exposition.py` says it in Prometheus' words."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from contender_serving.monitor import Monitor

# 0.1 ms to 60 s, each edge 1.2 times the last: a quantile is known to a tenth.
SECONDS = tuple(float(f"{0.0001 * 1.2**i:.3g}") for i in range(74))
REQUESTS = tuple(2**i for i in range(11))  # 1 to 1024


class Histogram:
    """How many values lie up to each edge, and their sum."""

    def __init__(self, edges: Sequence[float]) -> None:
        self.edges = edges
        self.counts = [0] * (len(edges) + 1)  # the last one: beyond all edges
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.edges, value)] += 1
        self.sum += value


class Metrics:
    """All counts of one process."""

    def __init__(self) -> None:
        self.requests: Counter[int] = Counter()  # by status
        self.durations = Histogram(SECONDS)
        self.in_flight = 0
        self.rows = 0
        self.inferences = Histogram(SECONDS)  # one value a call of the model
        self.batches = Histogram(REQUESTS)  # the same
        self.monitor = Monitor()

    def arrived(self) -> None:
        """A request for predictions has begun to arrive."""
        self.in_flight += 1

    def left(self, status: int, seconds: float) -> None:
        """It was answered with this status, so long after it began to arrive."""
        self.in_flight -= 1
        self.requests[status] += 1
        self.durations.observe(seconds)

    def called(self, requests: int, seconds: float) -> None:
        """The model was called once for so many requests, and took so long."""
        self.inferences.observe(seconds)
        self.batches.observe(requests)
