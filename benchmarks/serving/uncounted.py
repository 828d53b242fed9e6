"""Our server with its counting taken out, to see what that costs. The server itself has no such switch."""

import sys

from contender_serving.__main__ import main
from contender_serving.metrics import Metrics
from contender_serving.monitor import Monitor


def _nothing(*_: object) -> None: ...


for counting, methods in ((Metrics, ("arrived", "left", "called")), (Monitor, ("observe",))):
    for method in methods:
        setattr(counting, method, _nothing)

if __name__ == "__main__":
    sys.exit(main())
