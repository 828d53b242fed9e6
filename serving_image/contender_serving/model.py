"""The one model of this process: it loads and proves itself beside the event loop, and predicts in its line."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from contender_serving.batching import Line, Probe, probe
from contender_serving.bundle import Bundle, golden, mlflow, profile, read, verify
from contender_serving.loaders import load
from contender_serving.metrics import Metrics
from contender_serving.monitor import Monitor
from contender_serving.predictor import Predictor
from contender_serving.rejections import NotReady
from contender_serving.tensors import Tensor
from contender_serving.trust import CAUTIOUS, Trust


class Model:
    """Ready once it is loaded and has answered its golden examples right; until then every use raises `NotReady`."""

    def __init__(self, metrics: Metrics, max_wait: float) -> None:
        self._metrics, self._max_wait = metrics, max_wait
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._loaded: tuple[Bundle, Predictor, Line] | None = None

    async def load(self, folder: Path, digest: str | None, trust: Trust = CAUTIOUS) -> Bundle:
        """Verify, load, warm up and prove a bundle. Raises `Failure` with what to mend.

        A pickle takes the network from this process: all that listens must do so before.
        """
        loop = asyncio.get_running_loop()
        bundle, predictor, tried = await loop.run_in_executor(self._worker, _load, folder, digest, trust)
        self._metrics.monitor = Monitor(profile.read(bundle))
        line = Line(predictor, tried, self._worker, self._metrics, self._max_wait)
        self._loaded = bundle, predictor, line
        return bundle

    @property
    def ready(self) -> bool:
        """Whether it predicts."""
        return self._loaded is not None

    @property
    def bundle(self) -> Bundle:
        """What was loaded."""
        return self._get()[0]

    @property
    def predictor(self) -> Predictor:
        """What was loaded, as something that predicts; only its line calls it."""
        return self._get()[1]

    def predict(self, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> Awaitable[dict[str, Tensor]]:
        """Answer a batch in its turn. Raises `Overloaded`; `ModelFailed` if the model raises."""
        return self._get()[2].join(inputs, outputs)

    @property
    def waiting(self) -> int:
        """How many requests stand in line."""
        return len(self._loaded[2]) if self._loaded else 0

    def _get(self) -> tuple[Bundle, Predictor, Line]:
        if self._loaded is None:
            raise NotReady("the model is not loaded yet; try again when /v2/health/ready answers 200")
        return self._loaded


def _load(folder: Path, digest: str | None, trust: Trust) -> tuple[Bundle, Predictor, Probe]:
    bundle = read(folder)
    verify(bundle, digest)
    predictor = load(bundle, trust)
    return bundle, predictor, probe(_examples(bundle, predictor), predictor)


def _examples(bundle: Bundle, predictor: Predictor) -> dict[str, Tensor]:
    """Rows that a model is to be asked, its golden examples, which it has answered right, or those that MLflow kept."""
    if bundle.is_foreign:
        return mlflow.example(bundle, predictor.signature)
    return golden.check(bundle.folder, predictor)
