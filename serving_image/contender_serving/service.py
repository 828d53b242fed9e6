"""What the process serves, and whether it does."""

from collections.abc import Mapping, Sequence

from contender_serving.metrics import Metrics
from contender_serving.model import Model
from contender_serving.receipts import Receipts
from contender_serving.recording import Recording
from contender_serving.rejections import UnknownModel
from contender_serving.tensors import Tensor


class Service:
    """The model, the name that it is served by, and whether this process is going away."""

    def __init__(self, name: str | None, max_wait: float) -> None:
        self.name = name  # by default the bundle's own
        self.metrics = Metrics()
        self.recording = Recording()
        self.model = Model(self.metrics, max_wait)
        self.receipts: Receipts | None = None  # where variants have names
        self.draining = False

    @property
    def ready(self) -> bool:
        """Whether new requests should come here."""
        return self.model.ready and not self.draining

    @property
    def model_name(self) -> str:
        """The name in paths and answers."""
        return self.name or self.model.bundle.manifest.name

    async def predict(
        self, inputs: Mapping[str, Tensor], outputs: Sequence[str]
    ) -> tuple[Mapping[str, Tensor], str | None]:
        """The answers to a batch, and their receipt if they have one. Raises what `Model.predict` does."""
        receipts = self.receipts
        if receipts is None or not receipts.given:
            return await self.model.predict(inputs, outputs), None
        answers = await self.model.predict(inputs, receipts.wanted(outputs))
        receipt = receipts.of(answers, len(next(iter(inputs.values()))))
        if len(answers) > len(outputs):
            answers = {name: answers[name] for name in outputs}
        return answers, receipt

    def address(self, model: str, version: str | None = None) -> None:
        """Raise `UnknownModel` unless this is the model, and the version if one is asked for."""
        served = self.model.bundle.manifest.version
        if model != self.model_name:
            raise UnknownModel(f"no such model; this server has {self.model_name}")
        if version not in (None, served):
            raise UnknownModel(f"no such version; this server has {served}")
