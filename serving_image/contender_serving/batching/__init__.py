"""From requests to calls of the model: what waits together is computed together, first come, first served."""

from contender_serving.batching.cost import Cost
from contender_serving.batching.line import Line
from contender_serving.batching.probe import Probe, probe

__all__ = ["Cost", "Line", "Probe", "probe"]
