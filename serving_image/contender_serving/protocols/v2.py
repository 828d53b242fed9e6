"""Open Inference Protocol V2 over JSON."""

from collections.abc import Mapping
from typing import Any

import msgspec

from contender_serving.protocols import agreement, v2_fast, values
from contender_serving.rejections import InvalidInput
from contender_serving.tensors import Signature, Tensor, TensorSpec, datatype_of

ABSENT = msgspec.Raw(b"null")


class InputTensor(msgspec.Struct):
    """One input as it is sent."""

    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw = ABSENT
    parameters: dict[str, Any] | None = None


class RequestedOutput(msgspec.Struct):
    """One output that is asked for."""

    name: str
    parameters: dict[str, Any] | None = None


class InferRequest(msgspec.Struct):
    """The body of an inference request; unknown fields and parameters are accepted, as the protocol wants."""

    inputs: list[InputTensor]
    id: str | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[RequestedOutput] | None = None


class OutputTensor(msgspec.Struct):
    """One output as it is answered."""

    name: str
    shape: tuple[int, ...]
    datatype: str
    data: list[Any]


class Notes(msgspec.Struct):
    """The parameters of an answer."""

    receipt: str


class InferResponse(msgspec.Struct, omit_defaults=True):
    """The body of an answer."""

    model_name: str
    model_version: str
    outputs: list[OutputTensor]
    id: str | None = None
    parameters: Notes | None = None


class Question(msgspec.Struct, frozen=True):
    """An inference request that agrees with the signature."""

    id: str | None
    inputs: dict[str, Tensor]
    outputs: list[str]
    binary: frozenset[str] = frozenset()  # the outputs to answer as bytes


_RESPONSES = msgspec.json.Encoder()
_REQUESTS = msgspec.json.Decoder(InferRequest)


def decode(body: bytes, signature: Signature) -> Question:
    """Read a request. Raises `InvalidInput` that says what to send instead."""
    if plain := v2_fast.read(body, signature):
        sent, inputs = plain
        names = [output.name for output in sent.outputs or signature.outputs]
        return Question(sent.id, inputs, agreement.requested(names, signature) if sent.outputs else names)
    request = read(body)
    inputs = {spec.name: tensor(sent, spec) for spec, sent in agreement.paired(request.inputs, signature)}
    return question(request, inputs, signature)


def encode(
    question: Question, answers: Mapping[str, Tensor], model: str, version: str, receipt: str | None = None
) -> bytes:
    """Write a response; NaN and infinities become null."""
    outputs = [
        OutputTensor(name, answer.shape, datatype_of(answer), answer.ravel().tolist())
        for name, answer in answers.items()
    ]
    notes = Notes(receipt) if receipt else None
    return _RESPONSES.encode(InferResponse(model, version, outputs, question.id, notes))


def read(body: bytes) -> InferRequest:
    """The body's JSON. Raises `InvalidInput`."""
    return values.read(_REQUESTS, body)


def tensor(sent: InputTensor, spec: TensorSpec) -> Tensor:
    """An input whose data is in the JSON. Raises `InvalidInput`."""
    if (sent.parameters or {}).get("binary_data_size") is not None:
        raise InvalidInput("tensors as bytes need the header Inference-Header-Content-Length: how many bytes are JSON")
    return values.tensor(sent.data, tuple(sent.shape), sent.datatype, spec)


def question(request: InferRequest, inputs: dict[str, Tensor], signature: Signature) -> Question:
    """The request, its inputs read. Raises `InvalidInput` if the rest of it does not agree with the signature."""
    agreement.check_batch(inputs)
    outputs = agreement.requested([output.name for output in request.outputs or ()], signature)
    return Question(request.id, inputs, outputs, _binary(request, outputs))


def identity(question: Question, model: str, version: str, receipt: str | None) -> dict[str, Any]:
    """How a response begins."""
    identity: dict[str, Any] = {"model_name": model, "model_version": version}
    if question.id is not None:
        identity["id"] = question.id
    if receipt:
        identity["parameters"] = Notes(receipt)
    return identity


def output(name: str, answer: Tensor) -> dict[str, Any]:
    """One output of a response, its data as JSON."""
    return {"name": name, "shape": answer.shape, "datatype": datatype_of(answer), "data": answer.ravel().tolist()}


def is_absent(data: msgspec.Raw) -> bool:
    """Whether an input came without data."""
    return bytes(data) == bytes(ABSENT)


def _binary(request: InferRequest, outputs: list[str]) -> frozenset[str]:
    """The outputs that are asked for as bytes: one by one, or all but those that are asked for otherwise."""
    default = _flag(request.parameters, "binary_data_output", default=False)
    asked = {output.name: _flag(output.parameters, "binary_data", default=default) for output in request.outputs or ()}
    return frozenset(name for name in outputs if asked.get(name, default))


def _flag(parameters: Mapping[str, Any] | None, name: str, *, default: bool) -> bool:
    value = (parameters or {}).get(name, default)
    if not isinstance(value, bool):
        raise InvalidInput(f"the parameter {name} must be true or false")
    return value
