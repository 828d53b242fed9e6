"""The cluster of tests, demo and developers: kind, with all that it needs pulled or built.

cluster = up()                       # idempotent
with cluster.reserved(): ...         # a suite has it to itself
cluster.kubectl("get", "nodes")
"""

from tests.cluster.cluster import Cluster
from tests.cluster.lifecycle import down, found, rebuild, up
from tests.cluster.process import Failed, Unusable

__all__ = ["Cluster", "Failed", "Unusable", "down", "found", "rebuild", "up"]
