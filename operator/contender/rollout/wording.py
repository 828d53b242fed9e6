"""Numbers as people read them."""

import math

from contender.ladder import EDGES


def duration(seconds: float | None) -> str:
    """`45 s`, `34 min`, `5.2 h`, `12 d`; None is for ever."""
    if seconds is None:
        return "for ever"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.3g} h" if seconds < 48 * 3600 else f"{seconds / 86400:,.0f} d"


def answer_time(seconds: float) -> str:
    """`250ms`, `1.5s`, as guardrails have it; infinite is past the last edge of the histogram."""
    if math.isinf(seconds):
        return f"over {EDGES[-1]:g}s"
    return f"{1000 * seconds:g}ms" if seconds < 1 else f"{seconds:g}s"


def percent(share: float) -> str:
    """`0.42 %`."""
    return f"{100 * share:.3g} %"


def number(count: float | None) -> str:
    """`61,300`: three digits are enough for what is foretold."""
    return "no number of" if count is None else f"{float(f'{count:.3g}'):,.0f}"
