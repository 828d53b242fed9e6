"""What tests share. A cluster comes up only when a test asks for it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import pytest
from hypothesis import settings

from tests.cluster import Cluster, up
from tests.cluster.steps import step
from tests.installation import install
from tests.namespaces import fresh_namespace

settings.register_profile("unhurried", deadline=None)  # a busy machine fails no test
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """A cluster without Contender, to ourselves."""
    with _terminal(pytestconfig):
        cluster = up()
    with cluster.reserved():
        yield cluster


@pytest.fixture(scope="session")
def contender(cluster: Cluster, pytestconfig: pytest.Config) -> Cluster:
    """The cluster with Contender installed by its chart, which stays there for the next run."""
    with _terminal(pytestconfig), step("install the chart, wait for the operator", "30 s"):
        install(cluster)
    return cluster


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace for one test."""
    with fresh_namespace(cluster, request.node.name) as name:
        yield name


def _terminal(config: pytest.Config) -> AbstractContextManager[None]:
    """Long work shows its progress, whatever pytest captures."""
    capture = config.pluginmanager.getplugin("capturemanager")
    return capture.global_and_fixture_disabled() if capture else nullcontext()
