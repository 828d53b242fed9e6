"""A way in from outside the cluster: a NodePort beside a ModelDeployment's own Service."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.cluster import Cluster


def door_manifest(entry: dict[str, Any], node_port: int) -> dict[str, Any]:
    """A NodePort Service that leads where the entry Service leads."""
    port, name = entry["spec"]["ports"][0], entry["metadata"]["name"]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"{name}-door", "namespace": entry["metadata"]["namespace"]},
        "spec": {
            "type": "NodePort",
            "selector": entry["spec"]["selector"],
            "ports": [{"name": "http", "port": port["port"], "targetPort": port["targetPort"], "nodePort": node_port}],
        },
    }


@contextmanager
def door(cluster: Cluster, namespace: str, deployment: str, node_port: int) -> Iterator[str]:
    """The base URL on this machine that leads to `deployment` while the block runs, without a slash at its end."""
    cluster.kubectl("wait", "--for=create", "--timeout=120s", "-n", namespace, f"service/{deployment}")
    entry = json.loads(cluster.kubectl("get", "-n", namespace, f"service/{deployment}", "-o", "json"))
    manifest = door_manifest(entry, node_port)
    cluster.kubectl("apply", "-f", "-", input=json.dumps(manifest))
    try:
        yield f"http://{cluster.address(node_port)}"
    finally:
        cluster.kubectl("delete", "-n", namespace, "service", manifest["metadata"]["name"], "--ignore-not-found")
