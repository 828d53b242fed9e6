"""One router for each module of tests, and a ModelDeployment for each test."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.router.namespace import Deployment, Namespace, namespace_on_loopback


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def namespace(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Namespace]:
    async with namespace_on_loopback(tmp_path_factory.mktemp("router")) as namespace:
        yield namespace


@pytest.fixture
def deployment(namespace: Namespace) -> Deployment:
    return namespace.deployment()
