"""How late labels come, in buckets: two to each doubling, from a second to half a year. Pure."""

import math
from collections.abc import Mapping

SECOND = 1_000  # milliseconds
BUCKETS = 48


def bucket(milliseconds: int) -> int:
    """The number of a delay's bucket; whatever is under a second, or was labelled ahead of time, is in the first."""
    return min(BUCKETS - 1, math.floor(2 * math.log2(max(milliseconds, SECOND) / SECOND)))


def median(labelled: Mapping[int, int]) -> float | None:
    """Of rows by bucket the median delay in seconds, at most a fifth off; None without rows."""
    half, rows = sum(labelled.values()) / 2, 0
    for number in sorted(labelled):
        rows += labelled[number]
        if rows >= half > 0:
            return float(f"{2 ** ((number + 0.5) / 2):.3g}")
    return None
