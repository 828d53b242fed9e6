"""Whatever labels come in whatever order: the counts are those of a plain dict of the last label of each row."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given, settings
from hypothesis import strategies as st

from contender_ledger.accepting import DAY
from contender_ledger.counting import Window, delays, deviations, parts, series_of, tallies
from contender_ledger.database import Database
from contender_ledger.delay import BUCKETS, SECOND, bucket, median
from contender_ledger.recording import HOUR, MINUTE, Outcome, Row, record
from contender_ledger.retention import age_out
from contender_ledger.scalar import classes, difference, text_of
from contender_ledger.tables import METADATA

Key = tuple[bytes, int]
TIMES = st.sampled_from([base + offset for base in (0, HOUR, 30 * HOUR) for offset in (0, 1, MINUTE, 2 * MINUTE - 1)])
EDGES = st.one_of(TIMES, st.integers(0, 40 * HOUR))

PREDICTIONS: tuple[str | float, ...] = ("cat", "dog", "cat", 1.5, 2.0, 7.25, 3.0, "cat")
CLASSES: tuple[str | float, ...] = ("cat", "dog")
NUMBERS: tuple[str | float, ...] = (1.5, 2.0, 3.0, 9.75)


@st.composite
def rows(draw: st.DrawFn) -> Row:
    """Of few receipts, so that they meet again; what a receipt says never changes."""
    number = draw(st.integers(0, 7))
    served = [0, 1, MINUTE, HOUR - 1, HOUR, HOUR + MINUTE, 2 * HOUR, 30 * HOUR][number]
    prediction = PREDICTIONS[number]
    label = draw(st.sampled_from(CLASSES if isinstance(prediction, str) else NUMBERS))
    return Row(
        bytes([number]) * 6,
        draw(st.integers(0, 2)),
        ("churn", "ab"[number % 2]),
        served,
        text_of(prediction),
        text_of(label),
        difference(prediction, label),
        served + draw(st.sampled_from([-SECOND, 0, SECOND, MINUTE, HOUR, 1000 * HOUR])),
    )


CALLS = st.lists(st.lists(st.lists(rows(), max_size=8), min_size=1, max_size=3), max_size=6)


@pytest.fixture(scope="module")
def database_of_examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One for all examples, each of which has a deployment and receipts of its own there."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('model')}/ledger.db")
    yield database
    database.close()


@settings(max_examples=100)
@given(CALLS, st.lists(st.tuples(EDGES, EDGES), min_size=1, max_size=5), st.sampled_from([0.0, 1.0, 5.0]))
def test_the_counts_are_those_of_the_last_labels(
    database_of_examples: Database,
    transactions: list[list[list[Row]]],
    windows: list[tuple[int, int]],
    tolerance: float,
) -> None:
    own = os.urandom(16)
    model: dict[Key, Row] = {}
    for transaction in transactions:
        calls = [[_owned(row, own) for row in call] for call in transaction]
        with database_of_examples.writing() as connection:
            outcomes = record(connection, calls)
        assert outcomes == [Counter(_settled(model, row) for row in call) for call in calls]
    _agrees(database_of_examples, own.hex(), model, [Window(*window) for window in windows], tolerance)


def _owned(row: Row, own: bytes) -> Row:
    return row._replace(receipt=own + row.receipt, series=(own.hex(), row.series[1]))


def _settled(model: dict[Key, Row], row: Row) -> Outcome:
    had = model.get((row.receipt, row.row))
    if had is None:
        model[row.receipt, row.row] = row
        return Outcome.TAKEN
    model[row.receipt, row.row] = row._replace(came=had.came)
    return Outcome.REPEATED if had.label == row.label else Outcome.REPLACED


def _agrees(
    database: Database, deployment: str, model: dict[Key, Row], windows: Iterable[Window], tolerance: float
) -> None:
    with database.reading() as connection:
        series = series_of(connection, deployment)
        for window in windows:
            counted = tallies(connection, list(series.values()), window)
            late = delays(connection, list(series.values()), window)
            off = deviations(connection, list(series.values()), window, [tolerance])
            for variant, number in series.items():
                inside = [
                    row for row in model.values() if row.series[1] == variant and window.since <= row.at < window.until
                ]
                assert +counted[number].pairs == Counter(
                    classes(row.predicted, row.label, numeric=row.difference is not None) for row in inside
                )
                assert counted[number].answers == len({row.receipt for row in inside})
                numbers = [row.difference for row in inside if row.difference is not None]
                touched = (row for row in model.values() if row.series[1] == variant and _touches(window, row.at))
                assert late[number] == Counter(bucket(row.came - row.at) for row in touched)
                beyond = sum(each > tolerance for each in numbers)
                assert off.get(number, (0, [0])) == (len(numbers), [beyond])


def _touches(window: Window, at: int) -> bool:
    """Whether a part of the hour lies in the window, which may be empty."""
    hour = at - at % HOUR
    return hour < window.until and hour + HOUR > window.since


@given(EDGES, EDGES)
def test_the_parts_of_a_window_are_the_window(since: int, until: int) -> None:
    found = sorted(parts(Window(since, until)), key=lambda part: part.since)

    assert sum(part.until - part.since for part in found) == max(0, until - since)
    assert all(one.until == other.since for one, other in pairwise(found))
    assert all(part.since % part.width == part.until % part.width == 0 for part in found if part.width)


def test_rows_age_out_and_their_counts_by_the_hour_stay(database: str) -> None:
    ledger = Database(database)
    row = Row(b"o" * 22, 0, ("aged", "a"), 0, "cat", "dog", None, 0)
    with ledger.writing() as connection:
        record(connection, [[row._replace(receipt=bytes([n]) * 22, at=n * HOUR) for n in range(60)]])
    aged = age_out(ledger, DAY + 30 * HOUR + 1)
    again = age_out(ledger, DAY + 30 * HOUR + 1)

    assert (aged, again) == (30, 0)
    with ledger.reading() as connection:
        number = series_of(connection, "aged")["a"]
        assert tallies(connection, [number], Window(0, 100 * HOUR))[number].pairs == {("cat", "dog"): 60}
        assert delays(connection, [number], Window(0, 100 * HOUR))[number].total() == 30
        assert tallies(connection, [number], Window(29 * HOUR + 1, 100 * HOUR))[number].pairs == {("cat", "dog"): 30}
    ledger.close()


def test_the_schema_is_what_the_migrations_make(database: str) -> None:
    ledger = Database(database)
    with ledger.reading() as connection:
        changes = compare_metadata(MigrationContext.configure(connection), METADATA)
    ledger.close()

    assert changes == []


@given(st.lists(st.integers(SECOND, 180 * 24 * HOUR), min_size=1, max_size=50))
def test_the_median_delay_is_a_fifth_off_at_most(milliseconds: list[int]) -> None:
    told = median(Counter(map(bucket, milliseconds)))
    middle = sorted(milliseconds)[(len(milliseconds) - 1) // 2] / SECOND

    assert told == pytest.approx(middle, rel=0.2)


def test_without_labels_there_is_no_delay_and_none_is_too_long_or_too_short() -> None:
    assert median({}) is None
    assert bucket(-HOUR) == bucket(0) == 0
    assert bucket(10**15) == BUCKETS - 1
