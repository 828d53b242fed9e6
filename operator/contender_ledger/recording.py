"""Writing labels: a receipt's row has one label, the last one, and the counts follow it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, update

from contender_ledger import bulk
from contender_ledger.scalar import classes
from contender_ledger.tables import COUNTS, LABELS, SERIES

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


Key = tuple[bytes, int]
Before = Mapping[Key, str]


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
    had = after[key].label if key in after else before.get(key)
    if had == row.label:
        return Outcome.REPEATED
    after[key] = row
    return Outcome.TAKEN if had is None else Outcome.REPLACED


def _labels_before(connection: Connection, receipts: Sequence[bytes]) -> Before:
    wanted = LABELS.c.receipt.in_(bindparam("receipts", expanding=True))
    query = select(LABELS.c.receipt, LABELS.c.row, LABELS.c.label).where(wanted)
    found: dict[Key, str] = {}
    for start in range(0, len(receipts), RECEIPTS_A_QUERY):
        some = {"receipts": receipts[start : start + RECEIPTS_A_QUERY]}
        found.update(((receipt, row), label) for receipt, row, label in connection.execute(query, some))
    return found


def _write(connection: Connection, before: Before, rows: Iterable[Row]) -> None:
    rows = list(rows)
    series = _series_ids(connection, {row.series for row in rows})
    new = [row._asdict() | {"series": series[row.series]} for row in rows if (row.receipt, row.row) not in before]
    changed = [
        {"of_receipt": row.receipt, "of_row": row.row, "to": row.label, "by": row.difference}
        for row in rows
        if before.get((row.receipt, row.row), row.label) != row.label
    ]
    if new:
        bulk.insert(connection, LABELS, new)
    if changed:
        connection.execute(CHANGE, changed)
    _count(connection, before, rows, series)


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


def _count(connection: Connection, before: Before, rows: Iterable[Row], series: Mapping[tuple[str, str], int]) -> None:
    changes: Counter[tuple[int, int, int, str, str]] = Counter()
    for row in rows:
        number, had = series[row.series], before.get((row.receipt, row.row))
        for label, change in ((had, -1), (row.label, +1)):
            if label is not None:
                pair = classes(row.predicted, label, numeric=row.difference is not None)
                for width in WIDTHS:
                    changes[number, width, row.at - row.at % width, *pair] += change
    if some := [dict(zip(COUNTS.c.keys(), (*key, n), strict=True)) for key, n in sorted(changes.items()) if n]:
        bulk.insert(connection, COUNTS, some, adding=COUNTS.c.labelled)
