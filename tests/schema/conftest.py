"""A real API server with our CRDs as they are now."""

from collections.abc import Iterator

import pytest

from tests.cluster import Cluster
from tests.namespaces import fresh_namespace
from tools import crds


@pytest.fixture(scope="package")
def schema_namespace(cluster: Cluster) -> Iterator[str]:
    """One namespace for all of the schema's tests, with our CRDs in force."""
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(crds.FOLDER))
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=120s", "-f", str(crds.FOLDER))
    with fresh_namespace(cluster, "schema") as name:
        yield name
