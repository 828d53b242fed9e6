"""Open Inference Protocol V2 over gRPC: messages to tensors and back. Pure, and knows nothing of a server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from contender_serving.grpc import open_inference_pb2 as pb
from contender_serving.protocols import agreement, raw
from contender_serving.rejections import InvalidInput
from contender_serving.tensors import BYTES, NUMPY, Signature, Tensor, TensorSpec, datatype_of

# The field of InferTensorContents that holds each datatype; FP16 has none.
FIELDS = {
    "BOOL": "bool_contents",
    **{f"INT{bits}": "int_contents" for bits in (8, 16, 32)},
    "INT64": "int64_contents",
    **{f"UINT{bits}": "uint_contents" for bits in (8, 16, 32)},
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    BYTES: "bytes_contents",
}


@dataclass(frozen=True, slots=True)
class _Sent:
    """An input, and its bytes if it came as such."""

    name: str
    tensor: pb.ModelInferRequest.InferInputTensor
    content: bytes | None


def decode(request: pb.ModelInferRequest, signature: Signature) -> tuple[dict[str, Tensor], list[str]]:
    """The inputs, and the names of the outputs that are asked for. Raises `InvalidInput`."""
    pairs = agreement.paired(_sent(request), signature)
    inputs = {spec.name: _tensor(sent, spec) for spec, sent in pairs}
    agreement.check_batch(inputs)
    return inputs, agreement.requested([output.name for output in request.outputs], signature)


def encode(
    request: pb.ModelInferRequest, answers: Mapping[str, Tensor], model: str, version: str, receipt: str | None = None
) -> pb.ModelInferResponse:
    """The response: bytes if the request came as bytes, or where an output's datatype has no field."""
    response = pb.ModelInferResponse(model_name=model, model_version=version, id=request.id)
    if receipt:
        response.parameters["receipt"].string_param = receipt
    datatypes = {name: datatype_of(answer) for name, answer in answers.items()}
    as_bytes = bool(request.raw_input_contents) or not set(datatypes.values()) <= FIELDS.keys()
    for name, answer in answers.items():
        output = response.outputs.add(name=name, datatype=datatypes[name], shape=answer.shape)
        if as_bytes:
            response.raw_output_contents.append(raw.encode(answer))
        else:
            _fill(output.contents, answer, datatypes[name])
    return response


def _sent(request: pb.ModelInferRequest) -> list[_Sent]:
    contents: Sequence[bytes | None] = request.raw_input_contents or [None] * len(request.inputs)
    if len(contents) != len(request.inputs):
        raise InvalidInput("raw_input_contents must be one for each input, in their order")
    return [_Sent(tensor.name, tensor, content) for tensor, content in zip(request.inputs, contents, strict=True)]


def _tensor(sent: _Sent, spec: TensorSpec) -> Tensor:
    shape, datatype = tuple(sent.tensor.shape), sent.tensor.datatype
    agreement.check_declared(shape, datatype, spec)
    if sent.content is None:
        return agreement.fitted(_typed(sent.tensor, shape, spec), spec)
    if sent.tensor.HasField("contents"):
        raise InvalidInput("an input has either contents or raw_input_contents")
    return agreement.fitted(raw.decode(memoryview(sent.content), shape, datatype, spec.name), spec)


def _typed(sent: pb.ModelInferRequest.InferInputTensor, shape: tuple[int, ...], spec: TensorSpec) -> Tensor:
    field = FIELDS.get(sent.datatype)
    if field is None:
        raise InvalidInput(f"input {spec.name}: {sent.datatype} has no contents; send it as raw_input_contents")
    if [used.name for used, _ in sent.contents.ListFields()] != [field]:
        raise InvalidInput(f"input {spec.name}: {sent.datatype} takes {field}, and no other contents")
    elements = getattr(sent.contents, field)
    if len(elements) != prod(shape):
        raise InvalidInput(f"input {spec.name}: contents does not have as many elements as its shape says")
    return _array(elements, sent.datatype, spec).reshape(shape)


def _array(elements: Sequence[object], datatype: str, spec: TensorSpec) -> Tensor:
    if datatype == BYTES:
        return raw.from_texts(elements, spec.name)  # type: ignore[arg-type] # bytes, by the message's type
    try:
        return np.array(elements, dtype=NUMPY[datatype])
    except OverflowError:
        raise InvalidInput(f"input {spec.name}: a number does not fit into {datatype}") from None


def _fill(contents: pb.InferTensorContents, answer: Tensor, datatype: str) -> None:
    elements = raw.texts(answer) if datatype == BYTES else answer.ravel().tolist()
    getattr(contents, FIELDS[datatype]).extend(elements)
