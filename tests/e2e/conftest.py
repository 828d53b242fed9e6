from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.cluster import Cluster
from tests.e2e.models import Models
from tests.e2e.scene import Scene
from tests.e2e.story import Story
from tests.store import Store


@pytest.fixture(scope="session")
def models(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Models:
    return Models(Store(cluster), tmp_path_factory.mktemp("models"))


@pytest.fixture
def story(contender: Cluster, namespace: str) -> Iterator[Story]:
    """A ModelDeployment-to-be in a namespace of its own."""
    with ExitStack() as stack:
        yield Story(Scene(contender, namespace), stack)
