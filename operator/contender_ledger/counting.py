"""Reading counts: how often each prediction met each label in a window of time, however many labels that are.

A window is cut into whole hours and minutes, whose counts are kept, and what is left at its edges, which is counted.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, case, func, select

from contender_ledger.recording import HOUR, WIDTHS
from contender_ledger.scalar import classes
from contender_ledger.tables import COUNTS, DELAYS, LABELS, SERIES

FOREVER = 2**40 * HOUR  # an edge of every bucket
Pairs = Counter[tuple[str, str]]  # (predicted, label) -> rows


@dataclass(slots=True)
class Tally:
    """Of a series in a window."""

    pairs: Pairs = field(default_factory=Counter)
    answers: int = 0  # requests of which at least a row is labelled


class Window(NamedTuple):
    """Half-open, in epoch milliseconds of the time served."""

    since: int
    until: int


class Part(NamedTuple):
    """A stretch of a window, of whole buckets of `width`; of no buckets where that is 0."""

    width: int
    since: int
    until: int


def parts(window: Window, widths: Sequence[int] = WIDTHS) -> Iterator[Part]:
    """The window cut at the edges of its buckets, the widest first."""
    since, until = window
    if since >= until:
        return
    if not widths:
        yield Part(0, since, until)
        return
    width, *finer = widths
    first, last = -(-since // width) * width, until // width * width
    if first >= last:
        yield from parts(window, finer)
        return
    yield from parts(Window(since, first), finer)
    yield Part(width, first, last)
    yield from parts(Window(last, until), finer)


def series_of(connection: Connection, deployment: str) -> dict[str, int]:
    """Variant -> number of its series, for all that have labels."""
    query = select(SERIES.c.variant, SERIES.c.id).where(SERIES.c.deployment == deployment)
    return {row.variant: row.id for row in connection.execute(query)}


def deployments(connection: Connection) -> list[str]:
    """All that have labels."""
    return list(connection.scalars(select(SERIES.c.deployment).distinct()))


def tallies(connection: Connection, series: Sequence[int], window: Window) -> dict[int, Tally]:
    """Of each series, its labels in the window."""
    found = {number: Tally() for number in series}
    for part in parts(window):
        for number, pair, labelled, answers in (_kept if part.width else _raw)(connection, series, part):
            found[number].pairs[pair] += labelled
            found[number].answers += answers
    return found


Found = Iterator[tuple[int, tuple[str, str], int, int]]  # series, pair, rows, answers


def _kept(connection: Connection, series: Sequence[int], part: Part) -> Found:
    sums = func.sum(COUNTS.c.labelled), func.sum(COUNTS.c.answers)
    key = (COUNTS.c.series, COUNTS.c.predicted, COUNTS.c.label)
    inside = and_(
        COUNTS.c.series.in_(series),
        COUNTS.c.width == part.width,
        COUNTS.c.start >= part.since,
        COUNTS.c.start < part.until,
    )
    query = select(*key, *sums).where(inside).group_by(*key)
    for number, predicted, label, labelled, answers in connection.execute(query):
        yield number, (predicted, label), int(labelled), int(answers)


def _raw(connection: Connection, series: Sequence[int], part: Part) -> Found:
    key = (LABELS.c.series, LABELS.c.predicted, LABELS.c.label, LABELS.c.difference.is_not(None))
    sums = func.count(), func.sum(LABELS.c.first)
    query = select(*key, *sums).where(_inside(series, part.since, part.until)).group_by(*key)
    for number, predicted, label, numeric, labelled, answers in connection.execute(query):
        yield number, classes(predicted, label, numeric=bool(numeric)), labelled, int(answers)


def deviations(
    connection: Connection, series: Sequence[int], window: Window, tolerances: Sequence[float]
) -> dict[int, tuple[int, list[int]]]:
    """Of each series with numbers, its rows in the window where both are, and how many are off by more than each."""
    if window.since >= window.until:
        return {}
    off = [func.sum(case((LABELS.c.difference > tolerance, 1), else_=0)) for tolerance in tolerances]
    query = select(LABELS.c.series, func.count(), *off).where(
        _inside(series, *window), LABELS.c.difference.is_not(None)
    )
    rows = connection.execute(query.group_by(LABELS.c.series))
    return {number: (labelled, [int(each) for each in events]) for number, labelled, *events in rows}


def delays(connection: Connection, series: Sequence[int], window: Window) -> dict[int, Counter[int]]:
    """Of each series, labelled rows by the bucket of their delay, in every hour that the window touches."""
    found: dict[int, Counter[int]] = {number: Counter() for number in series}
    query = select(DELAYS.c.series, DELAYS.c.bucket, func.sum(DELAYS.c.labelled)).where(
        DELAYS.c.series.in_(series), DELAYS.c.start > window.since - HOUR, DELAYS.c.start < window.until
    )
    for number, bucket, labelled in connection.execute(query.group_by(DELAYS.c.series, DELAYS.c.bucket)):
        found[number][bucket] = int(labelled)
    return found


def _inside(series: Sequence[int], since: int, until: int) -> ColumnElement[bool]:
    return and_(LABELS.c.series.in_(series), LABELS.c.at >= since, LABELS.c.at < until)
