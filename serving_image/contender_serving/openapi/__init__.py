"""The server's own OpenAPI 3.1 document, made from the model's signature: what /openapi.json answers."""

from typing import Any

from contender_serving.openapi import paths
from contender_serving.openapi.schemas import schemas
from contender_serving.tensors import Signature


def document(model: str, version: str, signature: Signature) -> dict[str, Any]:
    """The document of a server of this model."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": model,
            "version": version,
            "description": "One model behind the Open Inference Protocol V2 and KServe's V1, served by Contender.",
        },
        "paths": paths.about_the_server() | paths.v2(model, version, signature) | paths.v1(model, signature),
        "components": {"schemas": schemas(signature)},
    }
