"""What befalls the operator: its leader gets SIGKILL, or all of it is away."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from tests.cluster import Cluster
from tests.e2e.scene import Json
from tests.installation import NAMESPACE, OPERATOR_PODS, RELEASE

DEPLOYMENT = f"deployment/{RELEASE}"

# A deleted pod gets SIGTERM first, whatever its grace period, and a process 1 hears no SIGKILL of its own namespace.
# So the signal comes from the node: from a pod that sees its processes.
KILL = """
import os, pathlib, sys
for process in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        environment = (process / "environ").read_bytes().split(b"\\0")
    except OSError:
        continue
    if f"POD_NAME={sys.argv[1]}".encode() in environment:
        os.kill(int(process.name), 9)
        print("killed", process.name)
"""


def kill_leader(cluster: Cluster) -> None:
    """SIGKILL to every process of the pod that holds the Lease."""
    leader = holder(cluster)
    node = _get(cluster, "pod", leader)["spec"]["nodeName"]
    cluster.kubectl("-n", NAMESPACE, "apply", "-f", "-", input=json.dumps(_killer(cluster, leader, node)))
    done = ("--for=jsonpath={.status.phase}=Succeeded", "--timeout=180s")
    cluster.kubectl("-n", NAMESPACE, "wait", "pod/killer", *done)
    said = cluster.kubectl("-n", NAMESPACE, "logs", "killer")
    cluster.kubectl("-n", NAMESPACE, "delete", "pod", "killer", "--grace-period=0", "--force")
    assert "killed" in said, f"no process of {leader} was found on {node}"


def holder(cluster: Cluster) -> str:
    """The operator pod that holds the Lease."""
    (lease,) = json.loads(cluster.kubectl("-n", NAMESPACE, "get", "leases", "-o", "json"))["items"]
    name: str = lease["spec"]["holderIdentity"]
    return name


def operator_pods(cluster: Cluster) -> list[str]:
    """The names of the operator's pods."""
    return (
        cluster.kubectl("-n", NAMESPACE, "get", "pods", "-l", OPERATOR_PODS, "-o", "name").replace("pod/", "").split()
    )


def began_anew(cluster: Cluster, pod: str, moment: datetime) -> datetime:
    """When a pod's container began after `moment`; raises AssertionError while it has not."""
    (container,) = _get(cluster, "pod", pod)["status"]["containerStatuses"]
    began = container["state"].get("running", {}).get("startedAt")
    assert began, f"{pod} does not run"
    assert datetime.fromisoformat(began) >= moment.replace(microsecond=0), f"{pod} runs since {began}"
    return datetime.fromisoformat(began)


def restarts(cluster: Cluster) -> int:
    """How often containers of the operator's pods began anew."""
    pods = json.loads(cluster.kubectl("-n", NAMESPACE, "get", "pods", "-l", OPERATOR_PODS, "-o", "json"))["items"]
    return sum(each["restartCount"] for pod in pods for each in pod["status"].get("containerStatuses", ()))


@contextmanager
def operator_away(cluster: Cluster) -> Iterator[None]:
    """No operator pod runs while the block does."""
    cluster.kubectl("-n", NAMESPACE, "scale", DEPLOYMENT, "--replicas=0")
    try:
        gone = ("--for=delete", "pod", "-l", OPERATOR_PODS, "--timeout=180s")
        cluster.kubectl("-n", NAMESPACE, "wait", *gone)
        yield
    finally:
        cluster.kubectl("-n", NAMESPACE, "scale", DEPLOYMENT, "--replicas=2")
        cluster.kubectl("-n", NAMESPACE, "rollout", "status", DEPLOYMENT, "--timeout=180s")


def _get(cluster: Cluster, kind: str, name: str) -> Json:
    found: Json = json.loads(cluster.kubectl("-n", NAMESPACE, "get", kind, name, "-o", "json"))
    return found


def _killer(cluster: Cluster, victim: str, node: str) -> Json:
    container = {
        "name": "killer",
        "image": cluster.images["operator"],
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", KILL, victim],
        "securityContext": {"privileged": True, "runAsUser": 0, "runAsNonRoot": False},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "killer"},
        "spec": {"hostPID": True, "nodeName": node, "restartPolicy": "Never", "containers": [container]},
    }
