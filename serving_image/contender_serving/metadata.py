"""What the server says about itself and its model, in the words of Open Inference Protocol V2: over HTTP and gRPC."""

from collections.abc import Sequence
from typing import Any

from contender_serving.service import Service
from contender_serving.tensors import TensorSpec


def server() -> dict[str, Any]:
    """The server."""
    from importlib.metadata import version as installed  # here, for a start has no use for it, nor for what it imports

    extensions = ["binary_tensor_data"]
    return {"name": "contender-serving", "version": installed("contender-serving"), "extensions": extensions}


def model(service: Service) -> dict[str, Any]:
    """The model. Raises `NotReady`."""
    bundle, predictor = service.model.bundle, service.model.predictor
    return {
        "name": service.model_name,
        "versions": [bundle.manifest.version],
        "platform": predictor.platform,
        "inputs": _tensors(predictor.signature.inputs),
        "outputs": _tensors(predictor.signature.outputs),
        "properties": {"digest": bundle.digest, "framework": bundle.manifest.framework.name}
        | dict(predictor.properties),
    }


def _tensors(specs: Sequence[TensorSpec]) -> list[dict[str, Any]]:
    return [{"name": spec.name, "datatype": spec.datatype, "shape": spec.shape} for spec in specs]
