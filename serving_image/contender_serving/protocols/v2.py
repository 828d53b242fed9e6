"""Open Inference Protocol V2 over JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from contender_serving.protocols import values
from contender_serving.rejections import InvalidInput
from contender_serving.tensors import Signature, Tensor, datatype_of


class InputTensor(msgspec.Struct):
    """One input as it is sent."""

    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    parameters: dict[str, Any] = {}


class RequestedOutput(msgspec.Struct):
    """One output that is asked for."""

    name: str
    parameters: dict[str, Any] = {}


class InferRequest(msgspec.Struct):
    """The body of an inference request; unknown fields and parameters are accepted, as the protocol wants."""

    inputs: list[InputTensor]
    id: str | None = None
    parameters: dict[str, Any] = {}
    outputs: list[RequestedOutput] = []


@dataclass(frozen=True, slots=True)
class Question:
    """An inference request that agrees with the signature."""

    id: str | None
    inputs: dict[str, Tensor]
    outputs: list[str]


_REQUESTS = msgspec.json.Decoder(InferRequest)


def decode(body: bytes, signature: Signature) -> Question:
    """Read a request. Raises `InvalidInput` that says what to send instead."""
    request = values.read(_REQUESTS, body)
    inputs = _inputs(request.inputs, signature)
    return Question(request.id, inputs, _outputs(request.outputs, signature))


def encode(question: Question, answers: Mapping[str, Tensor], model: str, version: str) -> bytes:
    """Write a response; NaN and infinities become null."""
    identity = {"model_name": model, "model_version": version}
    if question.id is not None:
        identity["id"] = question.id
    outputs = [
        {"name": name, "shape": answer.shape, "datatype": datatype_of(answer), "data": answer.ravel().tolist()}
        for name, answer in answers.items()
    ]
    return msgspec.json.encode(identity | {"outputs": outputs})


def _inputs(sent: Sequence[InputTensor], signature: Signature) -> dict[str, Tensor]:
    by_name = {tensor.name: tensor for tensor in sent}
    wanted = {spec.name for spec in signature.inputs}
    if by_name.keys() != wanted or len(by_name) != len(sent):
        raise InvalidInput(f"the inputs must be {', '.join(sorted(wanted))}, each once")
    tensors = {
        spec.name: values.tensor(
            by_name[spec.name].data, tuple(by_name[spec.name].shape), by_name[spec.name].datatype, spec
        )
        for spec in signature.inputs
    }
    if len({len(tensor) for tensor in tensors.values()}) != 1:
        raise InvalidInput("all inputs must have the same batch size, the first number of their shapes")
    return tensors


def _outputs(requested: Sequence[RequestedOutput], signature: Signature) -> list[str]:
    names = [spec.name for spec in signature.outputs]
    if not {output.name for output in requested} <= set(names):
        raise InvalidInput(f"the outputs are {', '.join(names)}; ask for some of them, or leave `outputs` out for all")
    return [output.name for output in requested] or names
