"""Many rows at once: SQLite is fast with one row after another, PostgreSQL with one statement for all of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Table, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

Rows = Sequence[Mapping[str, Any]]


def insert(connection: Connection, table: Table, rows: Rows, *, adding: Sequence[Column[Any]] = ()) -> None:
    """Insert rows, all of the same columns; where the key is there already, `adding` grow by what the new row has."""
    if connection.dialect.name == sqlite.dialect.name:
        into = sqlite.insert(table)
        if adding:
            total = {column.name: column + into.excluded[column.name] for column in adding}
            into = into.on_conflict_do_update(index_elements=table.primary_key, set_=total)
        connection.execute(into, rows)
        return
    into_all = _from_arrays(table, list(rows[0]))
    if adding:
        total = {column.name: column + into_all.excluded[column.name] for column in adding}
        into_all = into_all.on_conflict_do_update(index_elements=table.primary_key, set_=total)
    connection.execute(into_all, {name: [row[name] for row in rows] for name in rows[0]})


def _from_arrays(table: Table, names: Sequence[str]) -> postgresql.Insert:
    arrays = [bindparam(name, type_=postgresql.ARRAY(table.c[name].type)) for name in names]
    return postgresql.insert(table).from_select(
        names, select(func.unnest(*arrays).table_valued(*names).render_derived())
    )
