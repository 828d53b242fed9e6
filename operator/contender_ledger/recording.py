"""Writing labels: a receipt's row has one label, the last one, and the counts follow it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, update

from contender_ledger import bulk
from contender_ledger.delay import bucket
from contender_ledger.scalar import classes
from contender_ledger.tables import COUNTS, DELAYS, LABELS, SERIES

MINUTE = 60_000  # milliseconds, as all times here
HOUR = 60 * MINUTE
WIDTHS = (HOUR, MINUTE)
RECEIPTS_A_QUERY = 500


class Outcome(StrEnum):
    """What a label was to those that the ledger had."""

    TAKEN = "taken"
    REPLACED = "replaced"
    REPEATED = "repeated"


class Row(NamedTuple):
    """A label that was accepted, for one row of one request."""

    receipt: bytes
    row: int
    series: tuple[str, str]  # deployment, variant
    at: int
    predicted: str
    label: str
    difference: float | None
    came: int  # when the label was accepted


class Held(NamedTuple):
    """What the ledger had of a row: its label, and 1 where the row was the first of its receipt to get one."""

    label: str
    first: int


Key = tuple[bytes, int]
Before = Mapping[Key, Held]
Bucket = tuple[int, int, int, str, str]  # series, width, start, predicted, label


def record(connection: Connection, calls: Iterable[Sequence[Row]]) -> list[Counter[Outcome]]:
    """Write the labels of some calls, in order, and say what became of each call's. The transaction is the caller's."""
    calls = list(calls)
    before = _labels_before(connection, list({row.receipt for rows in calls for row in rows}))
    after: dict[Key, Row] = {}
    outcomes = [Counter(_settled(row, before, after) for row in rows) for rows in calls]
    _write(connection, before, after.values())
    return outcomes


def _settled(row: Row, before: Before, after: dict[Key, Row]) -> Outcome:
    key = (row.receipt, row.row)
    held = after.get(key) or before.get(key)
    had = held and held.label
    if had == row.label:
        return Outcome.REPEATED
    after[key] = row._replace(came=after[key].came) if key in after else row
    return Outcome.TAKEN if had is None else Outcome.REPLACED


def _labels_before(connection: Connection, receipts: Sequence[bytes]) -> Before:
    wanted = LABELS.c.receipt.in_(bindparam("receipts", expanding=True))
    query = select(LABELS.c.receipt, LABELS.c.row, LABELS.c.label, LABELS.c.first).where(wanted)
    found: dict[Key, Held] = {}
    for start in range(0, len(receipts), RECEIPTS_A_QUERY):
        some = {"receipts": receipts[start : start + RECEIPTS_A_QUERY]}
        rows = connection.execute(query, some)
        found.update(((receipt, row), Held(label, first)) for receipt, row, label, first in rows)
    return found


def _write(connection: Connection, before: Before, rows: Iterable[Row]) -> None:
    rows = list(rows)
    series = _series_ids(connection, {row.series for row in rows})
    first = _firsts(before, rows)
    new = [row for row in rows if (row.receipt, row.row) not in before]
    changed = [
        {"of_receipt": row.receipt, "of_row": row.row, "to": row.label, "by": row.difference}
        for row in rows
        if (held := before.get((row.receipt, row.row))) and held.label != row.label
    ]
    if new:
        bulk.insert(connection, LABELS, [_kept(row, series[row.series], first) for row in new])
        _count_delays(connection, new, series)
    if changed:
        connection.execute(CHANGE, changed)
    _count(connection, before, rows, series, first)


def _kept(row: Row, number: int, first: frozenset[Key]) -> dict[str, Any]:
    kept = row._asdict() | {"series": number, "first": int((row.receipt, row.row) in first)}
    del kept["came"]
    return kept


def _count_delays(connection: Connection, new: Iterable[Row], series: Mapping[tuple[str, str], int]) -> None:
    late = Counter((series[row.series], row.at - row.at % HOUR, bucket(row.came - row.at)) for row in new)
    names = DELAYS.c.keys()
    some = [dict(zip(names, (*each, late[each]), strict=True)) for each in sorted(late)]
    bulk.insert(connection, DELAYS, some, adding=(DELAYS.c.labelled,))


def _firsts(before: Before, rows: Iterable[Row]) -> frozenset[Key]:
    """The rows that are the first of their receipt with a label: one for each receipt, now or before."""
    first = {receipt: row for (receipt, row), held in before.items() if held.first}
    for row in rows:
        first.setdefault(row.receipt, row.row)
    return frozenset(first.items())


CHANGE = (
    update(LABELS)
    .where(LABELS.c.receipt == bindparam("of_receipt"), LABELS.c.row == bindparam("of_row"))
    .values(label=bindparam("to"), difference=bindparam("by"))
)


def _series_ids(connection: Connection, wanted: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    deployments = {deployment for deployment, _ in wanted}
    query = select(SERIES).where(SERIES.c.deployment.in_(deployments))
    found = {(deployment, variant): number for number, deployment, variant in connection.execute(query)}
    missing = [{"deployment": deployment, "variant": variant} for deployment, variant in sorted(wanted - found.keys())]
    if not missing:
        return found
    connection.execute(insert(SERIES), missing)
    return _series_ids(connection, wanted)


def _count(
    connection: Connection,
    before: Before,
    rows: Iterable[Row],
    series: Mapping[tuple[str, str], int],
    first: frozenset[Key],
) -> None:
    labelled: Counter[Bucket] = Counter()
    answers: Counter[Bucket] = Counter()
    for row in rows:
        key = (row.receipt, row.row)
        held, answer = before.get(key), int(key in first)
        for label, change in ((held and held.label, -1), (row.label, +1)):
            if label is not None:
                for bucket in _buckets(row, series[row.series], label):
                    labelled[bucket] += change
                    answers[bucket] += change * answer
    changed = sorted(bucket for bucket in labelled if labelled[bucket] or answers[bucket])
    names = COUNTS.c.keys()
    if some := [dict(zip(names, (*each, labelled[each], answers[each]), strict=True)) for each in changed]:
        bulk.insert(connection, COUNTS, some, adding=(COUNTS.c.labelled, COUNTS.c.answers))


def _buckets(row: Row, number: int, label: str) -> Iterator[Bucket]:
    pair = classes(row.predicted, label, numeric=row.difference is not None)
    return ((number, width, row.at - row.at % width, *pair) for width in WIDTHS)
