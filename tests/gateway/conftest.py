from collections.abc import Iterator

import pytest

from tests.cluster import Cluster
from tests.e2e.conftest import models
from tests.e2e.story import Story
from tests.gateway import envoy_gateway, scene
from tests.installation import install

__all__ = ["models"]


@pytest.fixture(scope="session")
def contender(cluster: Cluster) -> Cluster:
    """With the rights for Gateways, and a Gateway."""
    envoy_gateway.install(cluster)
    install(cluster, gateway__enabled="true")
    return cluster


@pytest.fixture
def story(contender: Cluster, namespace: str) -> Iterator[Story]:
    """A ModelDeployment-to-be whose traffic a Gateway splits."""
    with scene.told_on_a_gateway(contender, namespace) as told:
        yield told
