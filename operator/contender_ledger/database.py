"""The database: SQLite in a file, or PostgreSQL. One writer at a time, readers see one moment, failures have names."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

SQLITE = "sqlite"
WRITER_LOCK = 0x636F6E74656E64  # of PostgreSQL's advisory locks: "contend"
PATIENCE = 10  # seconds for a lock, or for a server that does not answer
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",  # a commit is on disk when it returns
    "foreign_keys=ON",
    "cache_size=-65536",  # KiB: the index of a few million rows
    "temp_store=MEMORY",  # a pod has no other file system to write to
)
NETWORK = {  # a cut network is noticed, not waited for
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": PATIENCE * 1000,
}


class Unavailable(Exception):
    """The database is not to be reached; nothing was written."""


class Full(Unavailable):
    """There is no space left; nothing was written."""


class Database:
    """Schema and connections. The schema is migrated when the database first answers."""

    def __init__(self, url: str) -> None:
        """ArgumentError or NoSuchModuleError where the URL names no database that we speak to."""
        self.engine = _engine(url)
        self._migrating = threading.Lock()
        self._migrated = False

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that no other writer, here or in another replica, is beside; on disk when the context ends.

        Raises Unavailable, or Full; then nothing of it was written, or all (a connection lost during the commit).
        """
        with _named_failures():
            self._migrate()
            with self._exclusive() as connection:
                yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one moment. Raises Unavailable."""
        with _named_failures():
            self._migrate()
            with self._snapshots().begin() as connection:
                yield connection

    def close(self) -> None:
        """Close the pooled connections; the last one of SQLite folds its log into the file."""
        self.engine.dispose()

    def _snapshots(self) -> Engine:
        if self.engine.dialect.name == SQLITE:
            return self.engine
        return self.engine.execution_options(isolation_level="REPEATABLE READ")

    @contextmanager
    def _exclusive(self) -> Iterator[Connection]:
        with self.engine.execution_options(exclusive=True).begin() as connection:
            if self.engine.dialect.name != SQLITE:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": WRITER_LOCK})
            yield connection

    def _migrate(self) -> None:
        with self._migrating:
            if self._migrated:
                return
            with self._exclusive() as connection:
                config = Config(attributes={"connection": connection})
                config.set_main_option("script_location", "contender_ledger:migrations")
                command.upgrade(config, "head")
            self._migrated = True


def _engine(url: str) -> Engine:
    if make_url(url).get_backend_name() == SQLITE:
        engine = create_engine(url, connect_args={"timeout": PATIENCE, "isolation_level": None})
        event.listen(engine, "connect", _set_pragmas)
        event.listen(engine, "begin", _begin)
        return engine
    engine = create_engine(url, connect_args=NETWORK, pool_pre_ping=True, pool_timeout=PATIENCE)
    event.listen(engine, "connect", _commit_to_disk)
    return engine


def _set_pragmas(connection: Any, _: Any) -> None:
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # sqlite3 itself begins late, and would let a writer read before it holds the lock.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("exclusive") else "BEGIN")


def _commit_to_disk(connection: Any, _: Any) -> None:
    """What is acknowledged is on disk, whatever the server's default; `remote_apply` and the like stay."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
    connection.commit()


@contextmanager
def _named_failures() -> Iterator[None]:
    try:
        yield
    except PoolTimeoutError as error:
        raise Unavailable(str(error)) from error
    except DBAPIError as error:
        if _is_full(error.orig):
            raise Full("no space is left on the database's disk") from error
        if isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated:
            raise Unavailable(str(error.orig)) from error
        raise


def _is_full(error: BaseException | None) -> bool:
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return isinstance(error, psycopg.errors.DiskFull)
