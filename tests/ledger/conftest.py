"""The same tests on both databases. A ledger is shared by all tests: each has a deployment of its own there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ledger.postgres import Postgres, postgres
from tests.ledger.process import Ledger, Mounts


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    with postgres() as started:
        yield started


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('ledger')}/ledger.db"
    found: Postgres = request.getfixturevalue("server")
    return found.database()


@pytest.fixture(scope="session")
def ledger(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """A ledger on each kind of database."""
    with running(database, Mounts.made(tmp_path_factory.mktemp("mounts"))) as started:
        yield started


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    """The URL of an SQLite database for one test."""
    return f"sqlite:///{tmp_path}/ledger.db"


@pytest.fixture
def mounts(tmp_path: Path) -> Mounts:
    """Keys and secret for one test."""
    return Mounts.made(tmp_path)


@pytest.fixture
def deployment() -> str:
    """A name that no other test has."""
    return f"churn-{os.urandom(4).hex()}"


@contextmanager
def running(database: str, mounts: Mounts, *before: str, **env: str) -> Iterator[Ledger]:
    """A ledger, ready."""
    started = Ledger(database, mounts, *before, **env)
    try:
        started.wait_until_ready()
        yield started
    finally:
        started.close()
