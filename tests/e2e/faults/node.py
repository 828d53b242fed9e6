"""What a test does to the node that its cluster runs on: signals to processes of pods, and to Kubernetes' own."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.cluster import Cluster

# Every container has its pod's name as HOSTNAME in its environment.
OF_POD = r"""
pids() { for f in $(grep -lsa "HOSTNAME=$1" /proc/[0-9]*/environ); do f=${f#/proc/}; echo ${f%/environ}; done; }
"""


def signal(cluster: Cluster, pod: str, name: str) -> None:
    """Send a signal to every process of a pod; raises Failed when it has none."""
    cluster.node("bash", "-c", f'{OF_POD} found=$(pids "$1"); [ -n "$found" ] && kill -s "$2" $found', "_", pod, name)


def signal_component(cluster: Cluster, process: str, name: str) -> None:
    """Send a signal to one of Kubernetes' own processes, such as etcd; raises Failed when it does not run."""
    cluster.node("pkill", f"-{name}", "-x", process)


def reset_counters(cluster: Cluster, router_pod: str) -> None:
    """Set an Envoy's counters to 0, by its administration which listens inside the pod only."""
    ask = 'nsenter -t "$(pids "$1" | head -1)" -n curl -sS -X POST http://127.0.0.1:9901/reset_counters'
    cluster.node("bash", "-c", f"{OF_POD} {ask}", "_", router_pod)


@contextmanager
def unreachable(cluster: Cluster, port: int) -> Iterator[None]:
    """No packet that the node forwards reaches this TCP port of a pod while the block runs."""
    cluster.node("nft", "add table inet contender_fault")
    try:
        cluster.node("nft", "add chain inet contender_fault dropped { type filter hook forward priority -10 ; }")
        cluster.node("nft", f"add rule inet contender_fault dropped tcp dport {port} drop")
        yield
    finally:
        cluster.node("nft", "delete table inet contender_fault")
