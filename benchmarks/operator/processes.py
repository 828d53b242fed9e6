"""What processes of the cluster's node cost, as the kernel has it."""

import re
from collections import defaultdict
from dataclasses import dataclass

from tests.cluster import Cluster

TICKS = 100  # a second, on every Linux that Kubernetes runs on


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one process, in MB."""

    resident: float
    most: float  # resident, since it began
    proportional: float  # its own part of what it shares


def cpu(cluster: Cluster) -> dict[str, float]:
    """Seconds of CPU that every program of the node has taken so far."""
    taken: defaultdict[str, float] = defaultdict(float)
    for line in cluster.node("sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null || true").splitlines():
        program, rest = re.findall(r"\((.*)\) (.*)", line)[0]
        fields = rest.split()
        taken[program] += (int(fields[11]) + int(fields[12])) / TICKS
    return taken


def memory(cluster: Cluster, program: str) -> Memory:
    """Of the one process of that name."""
    found = cluster.node("sh", "-c", f"cat /proc/$(pgrep -x {program})/status /proc/$(pgrep -x {program})/smaps_rollup")
    kilobytes = {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+) kB", found, re.MULTILINE)}
    return Memory(kilobytes["VmRSS"] / 1024, kilobytes["VmHWM"] / 1024, kilobytes["Pss"] / 1024)
