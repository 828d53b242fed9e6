"""KServe's server with a model as its documentation has one write it; the same as its sklearn server does."""

import os
from typing import Any

from kserve import Model, ModelServer
from kserve.utils.utils import get_predict_input, get_predict_response

from benchmarks.peers.estimator import load


class BenchModel(Model):
    """One model, loaded before the server starts."""

    def __init__(self) -> None:
        super().__init__("model")
        self._estimator = load(os.environ["BENCH_MODEL"])
        self.ready = True

    def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:
        """The label of each row."""
        del headers, response_headers
        return get_predict_response(payload, self._estimator.predict(get_predict_input(payload)), self.name)


if __name__ == "__main__":
    ports = {"http_port": int(os.environ["BENCH_PORT"]), "grpc_port": int(os.environ["BENCH_GRPC_PORT"])}
    ModelServer(**ports).start([BenchModel()])
