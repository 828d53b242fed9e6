"""The one model of this process: it loads, proves itself and predicts on one worker thread, beside the event loop."""

import asyncio
import logging
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from contender_serving.bundle import Bundle, golden, read, verify
from contender_serving.loaders import load
from contender_serving.predictor import Predictor
from contender_serving.rejections import ModelFailed, NotReady
from contender_serving.tensors import Tensor

logger = logging.getLogger(__name__)


class Model:
    """Ready once it is loaded and has answered its golden examples right; until then every use raises `NotReady`."""

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._loaded: tuple[Bundle, Predictor] | None = None

    async def load(self, folder: Path, digest: str | None) -> Bundle:
        """Verify, load, warm up and prove a bundle. Raises `Failure` with what to mend."""
        loop = asyncio.get_running_loop()
        self._loaded = await loop.run_in_executor(self._worker, _load, folder, digest)
        return self._loaded[0]

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
        """What was loaded, as something that predicts; its `predict` is for the worker thread."""
        return self._get()[1]

    async def predict(self, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> dict[str, Tensor]:
        """Answer a batch in its turn. Raises `ModelFailed` if the model raises."""
        predict = self.predictor.predict
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, predict, inputs, outputs)
        except Exception as error:  # a model may raise anything
            where = traceback.extract_tb(error.__traceback__)[-1]  # no message: it may hold the input
            logger.error("the model raised %s at %s:%s", type(error).__name__, where.filename, where.lineno)
            raise ModelFailed("the model failed on this input") from None

    def _get(self) -> tuple[Bundle, Predictor]:
        if self._loaded is None:
            raise NotReady("the model is not loaded yet; try again when /v2/health/ready answers 200")
        return self._loaded


def _load(folder: Path, digest: str | None) -> tuple[Bundle, Predictor]:
    bundle = read(folder)
    verify(bundle, digest)
    predictor = load(bundle)
    golden.check(folder, predictor)
    return bundle, predictor
