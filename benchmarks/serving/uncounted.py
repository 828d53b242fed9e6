"""Our server with its counting taken out, to see what that costs. The server itself has no such switch."""

import sys

from contender_serving.__main__ import main
from contender_serving.metrics import Metrics


def _nothing(*_: object) -> None: ...


for method in ("arrived", "left", "computed"):
    setattr(Metrics, method, _nothing)

if __name__ == "__main__":
    sys.exit(main())
