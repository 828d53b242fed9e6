"""What each fault cost, in a table."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """Seconds and requests of one fault."""

    fault: str
    lasted: float  # until it was undone, or what it took was back
    recovered: float  # from then until a hundred more requests of the challenger were counted
    requests: int
    failed: int  # in vain, a retry after a second included
    retried: int


class Report:
    def __init__(self) -> None:
        self._outcomes: list[Outcome] = []

    def add(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)

    def lines(self) -> Iterator[str]:
        """The table in Markdown; nothing when nothing was tried."""
        if self._outcomes:
            yield "| fault | lasted, s | recovered in, s | requests | answered at the second try | failed |"
            yield "|---|--:|--:|--:|--:|--:|"
        for one in self._outcomes:
            times = f"{one.lasted:.0f} | {one.recovered:.0f}"
            yield f"| {one.fault} | {times} | {one.requests:,} | {one.retried - one.failed} | {one.failed} |"
