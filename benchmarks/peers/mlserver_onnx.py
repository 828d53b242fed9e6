"""MLServer brings no runtime for ONNX: the custom one that its documentation has one write."""

from mlserver import MLModel
from mlserver.codecs import NumpyCodec, NumpyRequestCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.peers.estimator import load


class OnnxModel(MLModel):
    """One ONNX file."""

    async def load(self) -> bool:
        """Read it."""
        self._estimator = load(self.settings.parameters.uri)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """The label of each row."""
        labels = self._estimator.predict(self.decode_request(payload, default_codec=NumpyRequestCodec))
        return InferenceResponse(
            model_name=self.name, model_version=self.version, outputs=[NumpyCodec.encode_output("predict", labels)]
        )
