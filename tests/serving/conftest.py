"""Bundles, written once a session, and real server processes on loopback."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import models
from tests.serving import identity
from tests.serving.origin import Origin
from tests.serving.process import Server

Serve = Callable[..., Server]


@pytest.fixture(scope="session")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Model volumes: `volumes("good_v1")` holds that bundle of tests/models.py, published, under `bundle`."""
    root = tmp_path_factory.mktemp("volumes")
    writers: dict[str, Callable[[Path], str]] = {
        "good_v1": lambda path: models.without_copy(path, models.good_v1),
        "good_v2": lambda path: models.without_copy(path, models.good_v2),
        "copied": models.good_v1,
        "onnx": lambda path: models.good_v2(path, format="onnx"),
        "identity": identity.write,
        "text": lambda path: identity.write(path, ("BYTES",)),
        "half": lambda path: identity.write(path, identity.HALF),
        "slow": lambda path: models.slow(path, iterations=5_000),
        "failing": models.failing,
        "refusing": models.refusing,
        "never_ready": models.never_ready,
    }

    def volume(name: str) -> Path:
        if not (root / name).exists():
            writers[name](root / name / "bundle")
        return root / name

    return volume


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts server processes: `serve(volume, CONTENDER_...="...")`."""
    servers: list[Server] = []

    def start(volume: Path, **env: str) -> Server:
        servers.append(Server(volume, tmp_path / f"termination-log-{len(servers)}", env))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="session")
def served(
    volumes: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Server]]:
    """Servers that are ready and shared by the tests that only ask: `served("good_v1")`."""
    servers: dict[str, Server] = {}

    def ready(name: str) -> Server:
        if name not in servers:
            servers[name] = Server(volumes(name), tmp_path_factory.mktemp(name) / "termination-log", {})
            servers[name].wait_until_ready()
        return servers[name]

    yield ready
    for server in servers.values():
        server.close()


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[Origin]:
    """A web server over an empty folder."""
    (tmp_path / "origin").mkdir()
    with Origin(tmp_path / "origin") as running:
        yield running
