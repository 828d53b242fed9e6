"""The schemas of the OpenAPI document: bodies, as the signature has them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from contender_serving.protocols import agreement
from contender_serving.tensors import NUMPY, Signature, TensorSpec

Schema = dict[str, Any]

PARAMETERS: Schema = {
    "type": ["object", "null"],
    "additionalProperties": {"type": ["string", "number", "boolean"]},
}


def schemas(signature: Signature) -> Schema:
    """All schemas, by name."""
    string, boolean = {"type": "string"}, {"type": "boolean"}
    tensor = _object(name=string, datatype=string, shape={"type": "array", "items": {"type": "integer"}})
    model_state = _object(name=string, version=string, state={"enum": ["READY", "UNAVAILABLE"]}, reason=string)
    tensors = {"type": "array", "items": tensor}
    named = {
        "Error": _object(error=string),
        "Server": _object(name=string, version=string, extensions=_array(string)),
        "Live": _object(live=boolean),
        "Ready": _object(ready=boolean, live=boolean),
        "ModelReady": _object(name=string, ready=boolean),
        "Model": _object(
            name=string,
            versions=_array(string),
            platform=string,
            inputs=tensors,
            outputs=tensors,
            properties={"type": "object", "additionalProperties": string},
        ),
        "IndexRequest": {"type": "object", "properties": {"ready": {"type": ["boolean", "null"]}}},
        "Index": _array(model_state),
        "V1Models": _object(models=_array(string)),
        "InferRequest": _infer_request(signature),
        "InferResponse": _infer_response(signature),
    }
    return named | (_v1_schemas(signature) if len(signature.inputs) == 1 else {})


def _v1_schemas(signature: Signature) -> Schema:
    instances, predictions = _nested(signature.inputs[0]), _nested(signature.outputs[0], answered=True)
    return {"V1Request": _object(instances=instances), "V1Response": _object(predictions=predictions)}


def _infer_request(signature: Signature) -> Schema:
    request = _object(inputs=_each([_input(spec) for spec in signature.inputs]))
    names = [spec.name for spec in signature.outputs]
    asked = _object(name={"enum": names})
    asked["properties"]["parameters"] = PARAMETERS | {"properties": {"binary_data": {"type": "boolean"}}}
    request["properties"] |= {
        "id": {"type": ["string", "null"]},
        "parameters": PARAMETERS | {"properties": {"binary_data_output": {"type": "boolean"}}},
        "outputs": {"type": ["array", "null"], "items": asked, "maxItems": len(names), "uniqueItems": True},
    }
    return request


def _infer_response(signature: Signature) -> Schema:
    string = {"type": "string"}
    response = _object(
        model_name=string,
        model_version=string,
        outputs={"type": "array", "minItems": 1, "items": _one_of([_output(spec) for spec in signature.outputs])},
    )
    response["properties"] |= {
        "id": {"type": "string"},
        "parameters": {"type": "object", "properties": {"receipt": string}},
    }
    return response


def _input(spec: TensorSpec) -> Schema:
    datatypes = [datatype for datatype in agreement.accepted(spec) if datatype != "FP16"]  # not as JSON
    flat = {"type": "array", "minItems": 1, "items": _element(spec)}
    data = flat if len(spec.shape) == 1 else {"anyOf": [flat, _nested(spec)]}
    tensor = _object(name={"const": spec.name}, shape=_shape(spec), datatype={"enum": datatypes}, data=data)
    tensor["properties"]["parameters"] = PARAMETERS
    return tensor


def _output(spec: TensorSpec) -> Schema:
    return _object(
        name={"const": spec.name},
        shape=_lengths(len(spec.shape)),
        datatype={"const": spec.datatype},
        data=_array(_element(spec, answered=True)),
    )


def _shape(spec: TensorSpec) -> Schema:
    lengths = [{"type": "integer", "minimum": 1} if length == -1 else {"const": length} for length in spec.shape]
    return {"type": "array", "prefixItems": lengths, "items": False, "minItems": len(lengths)}


def _lengths(count: int) -> Schema:
    return {"type": "array", "items": {"type": "integer"}, "minItems": count, "maxItems": count}


def _nested(spec: TensorSpec, *, answered: bool = False) -> Schema:
    """Arrays within arrays, as the shape says."""
    schema = _element(spec, answered=answered)
    for length in reversed(spec.shape):
        exact = {"minItems": 1} if length == -1 else {"minItems": length, "maxItems": length}
        schema = {"type": "array", "items": schema, **exact}
    return schema


def _element(spec: TensorSpec, *, answered: bool = False) -> Schema:
    dtype = NUMPY[spec.datatype]
    null = ["null"] if spec.nullable or (answered and dtype.kind == "f") else []
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return {"type": "integer", "minimum": limits.min, "maximum": limits.max}
    if dtype.kind == "f":
        largest = float(np.finfo(dtype).max)
        return {"type": ["number", *null], "minimum": -largest, "maximum": largest}
    return {"type": ["boolean" if dtype.kind == "b" else "string", *null]}


def _object(**properties: Schema) -> Schema:
    """An object that has all of these."""
    return {"type": "object", "required": list(properties), "properties": properties}


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _each(schemas: Sequence[Schema]) -> Schema:
    """An array with one element of each schema."""
    return {"type": "array", "items": _one_of(schemas), "minItems": len(schemas), "maxItems": len(schemas)}


def _one_of(schemas: Sequence[Schema]) -> Schema:
    return schemas[0] if len(schemas) == 1 else {"oneOf": list(schemas)}
