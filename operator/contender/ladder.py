"""The latency bounds that can be told apart: the edges of every router's histogram.

Envoy times in whole milliseconds and keeps two decimal digits of them, so each edge is a whole number of milliseconds
with at most two digits, at which answers are counted and never estimated. From 10 ms on the next edge but one is at
most 1.2 times as far: wherever a quantile lies, two edges that far apart have it between them.
"""

_FROM_10 = (
    10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 22, 24, 25, 28, 30,
    33, 36, 39, 40, 44, 48, 50, 55, 60, 66, 72, 75, 82, 90, 95,
)  # fmt: skip
_MILLISECONDS = (
    *range(1, 10),
    *(edge * decade for decade in (1, 10, 100) for edge in _FROM_10),
    *(edge * 1000 for edge in _FROM_10 if edge <= 30),
)

EDGES = tuple(edge / 1000 for edge in _MILLISECONDS)
"""In seconds, from 1 ms to 30 s. `crds/` offers a few of them for `over`."""
