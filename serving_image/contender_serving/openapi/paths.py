"""The paths of the OpenAPI document: what each takes and answers."""

from typing import Any
from urllib.parse import quote

from contender_serving.openapi.examples import example
from contender_serving.protocols import v2_binary
from contender_serving.tensors import Signature

Schema = dict[str, Any]

ERRORS = {
    400: "The request does not follow the protocol or the signature",
    413: "The body is too large",
    415: "The body is encoded otherwise than by gzip or deflate",
    500: "The model raised on input that fits its signature",
    503: "The model is not loaded yet, or too many requests wait for it: see Retry-After",
}
BINARY = (
    f"Tensors may be sent as bytes, after as much JSON as the header {v2_binary.HEADER} says, each input with its "
    "parameter binary_data_size instead of data; and asked for as bytes, by binary_data_output or binary_data."
)

RECEIPT = {
    "headers": {
        "x-contender-receipt": {
            "description": "What a later label of these predictions is to name, where receipts are given",
            "schema": {"type": "string"},
        }
    }
}


def about_the_server() -> Schema:
    """The paths that are there whatever the model."""
    return {
        "/v2": {"get": _get("Name, version and extensions of the server", {"200": _json(_ref("Server"))})},
        "/v2/health/live": {"get": _get("Whether the process is there", {"200": _json(_ref("Live"))})},
        "/v2/health/ready": {
            "get": _get("Whether it predicts", {"200": _json(_ref("Ready")), "503": _json(_ref("Ready"))})
        },
        "/v2/repository/index": {"post": _index()},
        "/v1/models": {"get": _get("The name of the model", {"200": _json(_ref("V1Models")), "503": _error(503)})},
        "/metrics": {"get": _get("Metrics for Prometheus", {"200": _answer("text/plain", {"type": "string"})})},
        "/metrics/answers": {"get": _get("How the latest requests were answered", {"200": _json({"type": "object"})})},
        "/docs": {"get": _get("This document as a page", {"200": _answer("text/html", {"type": "string"})})},
        "/openapi.json": {
            "get": _get("This document", {"200": _json({"type": "object"}), "503": _error(503)}),
        },
    }


def v2(model: str, version: str, signature: Signature) -> Schema:
    """The paths of Open Inference Protocol V2, of the model and of its version."""
    paths: Schema = {}
    unversioned = f"/v2/models/{quote(model, safe='')}"
    for path in (unversioned, f"{unversioned}/versions/{quote(version, safe='')}"):
        ready = {"200": _json(_ref("ModelReady")), "503": _json(_ref("ModelReady"))}
        paths[path] = {"get": _get("What the model takes and gives", {"200": _json(_ref("Model"))})}
        paths[f"{path}/ready"] = {"get": _get("Whether the model predicts", ready)}
        paths[f"{path}/infer"] = {"post": _infer(signature)}
    return paths


def v1(model: str, signature: Signature) -> Schema:
    """The paths of KServe's V1, which cannot name inputs and so asks models of one input only."""
    path = f"/v1/models/{quote(model, safe='')}"
    ready = {"200": _json(_ref("ModelReady")), "503": _json(_ref("ModelReady"))}
    paths: Schema = {path: {"get": _get("Whether the model predicts", ready)}}
    if len(signature.inputs) == 1:
        body = {"required": True, "content": {"application/json": {"schema": _ref("V1Request")}}}
        paths[f"{path}:predict"] = {
            "post": {
                "summary": "Predict, in KServe's V1",
                "requestBody": body,
                "responses": {"200": _json(_ref("V1Response")) | RECEIPT, **_errors()},
            }
        }
    return paths


def _get(summary: str, responses: Schema) -> Schema:
    return {"summary": summary, "responses": responses}


def _index() -> Schema:
    content = {"application/json": {"schema": _ref("IndexRequest")}}
    return {
        "summary": "The models of this server: one",
        "requestBody": {"content": content},
        "responses": {"200": _json(_ref("Index")), "400": _error(400), "413": _error(413), "415": _error(415)},
    }


def _infer(signature: Signature) -> Schema:
    answer = _json(_ref("InferResponse")) | RECEIPT
    answer["content"] |= {v2_binary.MEDIA_TYPE: {}}
    content = {"application/json": {"schema": _ref("InferRequest"), "example": example(signature)}}
    return {
        "summary": "Predict",
        "description": BINARY,
        "requestBody": {"required": True, "content": content},
        "responses": {"200": answer, **_errors()},
    }


def _errors() -> Schema:
    return {str(code): _error(code) for code in ERRORS}


def _error(code: int) -> Schema:
    return _json(_ref("Error"), ERRORS[code])


def _json(schema: Schema, description: str = "The answer") -> Schema:
    return _answer("application/json", schema, description)


def _answer(media_type: str, schema: Schema, description: str = "The answer") -> Schema:
    return {"description": description, "content": {media_type: {"schema": schema}}}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
