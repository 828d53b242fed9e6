"""What is asked: each case as the bytes of a request, in the words of the server that it goes to."""

from dataclasses import dataclass

import msgspec
import numpy as np
from tritonclient.grpc import service_pb2

from contender_serving.tables import INPUT
from contender_serving.tensors import Tensor, datatype_of

JSON_HEADERS = {"content-type": "application/json"}
GRPC_HEADERS = {"content-type": "application/grpc", "te": "trailers"}


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of request: how many rows, and how they travel."""

    name: str
    rows: int
    encoding: str  # json, binary or grpc


JSON_1 = Case("1 row, JSON", 1, "json")
JSON_32 = Case("32 rows, JSON", 32, "json")
BINARY_1 = Case("1 row, binary", 1, "binary")
BINARY_1024 = Case("1,024 rows, binary", 1024, "binary")
GRPC_1 = Case("1 row, gRPC", 1, "grpc")
CASES = (JSON_1, JSON_32, BINARY_1, BINARY_1024, GRPC_1)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, without the server's address."""

    path: str
    body: bytes
    headers: dict[str, str]


def instances(rows: Tensor) -> Asked:
    """As a data scientist's FastAPI takes them."""
    path = "/predict" if rows.ndim == 2 else "/predict-texts"
    return Asked(path, msgspec.json.encode({"instances": rows.tolist()}), JSON_HEADERS)


def v2_json(rows: Tensor, model: str) -> Asked:
    """The Open Inference Protocol's JSON, its data flat."""
    question: dict[str, object] = {"inputs": [{**_tensor(rows), "data": rows.ravel().tolist()}]}
    if rows.ndim == 1:
        question["parameters"] = {"content_type": "str"}  # without it MLServer hands its model bytes
    return Asked(_infer(model), msgspec.json.encode(question), JSON_HEADERS)


def v2_binary(rows: Tensor, model: str) -> Asked:
    """The protocol's binary tensor extension, both ways."""
    data = raw(rows)
    tensor = {**_tensor(rows), "parameters": {"binary_data_size": len(data)}}
    header = msgspec.json.encode({"inputs": [tensor], "parameters": {"binary_data_output": True}})
    length = {"inference-header-content-length": str(len(header))}
    return Asked(_infer(model), header + data, {"content-type": "application/octet-stream", **length})


def grpc(rows: Tensor, model: str) -> Asked:
    """A ModelInfer call: the message behind its five bytes of gRPC framing, uncompressed."""
    tensor = service_pb2.ModelInferRequest.InferInputTensor(name=INPUT, datatype=datatype_of(rows), shape=rows.shape)
    question = service_pb2.ModelInferRequest(model_name=model, inputs=[tensor], raw_input_contents=[raw(rows)])
    message = question.SerializeToString()
    framing = b"\0" + len(message).to_bytes(4, "big")
    return Asked("/inference.GRPCInferenceService/ModelInfer", framing + message, GRPC_HEADERS)


def _infer(model: str) -> str:
    return f"/v2/models/{model}/infer"


def _tensor(rows: Tensor) -> dict[str, object]:
    return {"name": INPUT, "datatype": datatype_of(rows), "shape": rows.shape}


def raw(rows: Tensor) -> bytes:
    """A tensor as the protocol's binary forms have it."""
    if rows.dtype.kind == "f":
        return rows.tobytes()
    texts = [text.encode() for text in np.ravel(rows)]
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)
