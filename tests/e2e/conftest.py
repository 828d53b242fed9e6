from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.cluster import Cluster
from tests.e2e.models import Models
from tests.e2e.scene import Scene
from tests.e2e.story import Story
from tests.gateway import envoy_gateway
from tests.gateway import scene as gateway
from tests.store import Store


@pytest.fixture(scope="session")
def contender(cluster: Cluster, contender: Cluster) -> Cluster:
    """With a Gateway beside it, when the stories are told on one."""
    if gateway.is_wanted():
        envoy_gateway.install(cluster)
    return contender


@pytest.fixture(scope="session")
def models(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Models:
    return Models(Store(cluster), tmp_path_factory.mktemp("models"))


@pytest.fixture
def story(contender: Cluster, namespace: str) -> Iterator[Story]:
    """A ModelDeployment-to-be in a namespace of its own; `TRAFFIC=gateway` has a Gateway split its traffic."""
    if gateway.is_wanted():
        with gateway.told_on_a_gateway(contender, namespace) as told:
            yield told
        return
    with ExitStack() as stack:
        yield Story(Scene(contender, namespace), stack)
