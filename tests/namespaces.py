"""Namespaces of tests."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from tests.cluster import Cluster


@contextmanager
def fresh_namespace(cluster: Cluster, called: str) -> Iterator[str]:
    """A namespace named after a test; it goes after the block, and nobody waits for that."""
    words = re.sub(r"[^a-z0-9]+", "-", called.lower().removeprefix("test_"))[:40].strip("-")
    name = f"{words}-{uuid.uuid4().hex[:6]}"
    cluster.kubectl("create", "namespace", name)
    try:
        yield name
    finally:
        cluster.kubectl("delete", "namespace", name, "--wait=false")
