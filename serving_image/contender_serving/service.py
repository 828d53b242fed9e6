"""What the process serves, and whether it does."""

from contender_serving.metrics import Metrics
from contender_serving.model import Model
from contender_serving.recording import Recording
from contender_serving.rejections import UnknownModel


class Service:
    """The model, the name that it is served by, and whether this process is going away."""

    def __init__(self, name: str | None, max_wait: float) -> None:
        self.name = name  # by default the bundle's own
        self.metrics = Metrics()
        self.recording = Recording()
        self.model = Model(self.metrics, max_wait)
        self.draining = False

    @property
    def ready(self) -> bool:
        """Whether new requests should come here."""
        return self.model.ready and not self.draining

    @property
    def model_name(self) -> str:
        """The name in paths and answers."""
        return self.name or self.model.bundle.manifest.name

    def address(self, model: str, version: str | None = None) -> None:
        """Raise `UnknownModel` unless this is the model, and the version if one is asked for."""
        served = self.model.bundle.manifest.version
        if model != self.model_name:
            raise UnknownModel(f"no such model; this server has {self.model_name}")
        if version not in (None, served):
            raise UnknownModel(f"no such version; this server has {served}")
