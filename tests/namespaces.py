"""Namespaces that come and go in seconds."""

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
        remove(cluster, name)


def remove(cluster: Cluster, name: str) -> None:
    """Begin to delete a namespace, and do not let its pods drain: nobody asks them any more."""
    cluster.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")
    cluster.kubectl("delete", "pods", "--all", "--namespace", name, "--grace-period=1", "--wait=false")
