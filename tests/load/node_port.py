"""A way in from outside the cluster: a NodePort beside a ModelDeployment's own Service."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from typing import Any

from tests.cluster import Cluster

PATIENCE = 120.0  # seconds for the node to lead there


@contextmanager
def door(cluster: Cluster, namespace: str, deployment: str, node_port: int) -> Iterator[str]:
    """The base URL on this machine that leads to `deployment` while the block runs, without a slash at its end."""
    cluster.kubectl("wait", "--for=create", "--timeout=120s", "-n", namespace, f"service/{deployment}")
    entry = json.loads(cluster.kubectl("get", "-n", namespace, f"service/{deployment}", "-o", "json"))
    manifest = door_manifest(entry, node_port)
    cluster.kubectl("apply", "-f", "-", input=json.dumps(manifest))
    address = cluster.address(node_port)
    try:
        _wait_for(address)
        yield f"http://{address}"
    finally:
        cluster.kubectl("delete", "-n", namespace, "service", manifest["metadata"]["name"], "--ignore-not-found")


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


def _wait_for(address: str) -> None:
    """Until an HTTP server answers, whatever it says."""
    deadline = time.monotonic() + PATIENCE
    while True:
        connection = HTTPConnection(address, timeout=2)
        try:
            connection.request("GET", "/")
            connection.getresponse()
            return
        except (OSError, HTTPException):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        finally:
            connection.close()
