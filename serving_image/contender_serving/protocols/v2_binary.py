"""The binary tensor extension of Open Inference Protocol V2: the JSON comes first, then the bytes of its tensors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from contender_serving.protocols import agreement, raw, v2
from contender_serving.rejections import InvalidInput
from contender_serving.tensors import Signature, Tensor, TensorSpec, datatype_of

HEADER = "Inference-Header-Content-Length"  # how many bytes of the body are JSON
MEDIA_TYPE = "application/octet-stream"


def decode(body: bytes, header_length: bytes, signature: Signature) -> v2.Question:
    """Read a request, `header_length` being the header as it was sent. Raises `InvalidInput`."""
    length = _length(header_length, len(body))
    request = v2.read(body[:length])
    sent = _sent(request.inputs, memoryview(body)[length:])
    inputs = {spec.name: _tensor(tensor, spec) for spec, tensor in agreement.paired(sent, signature)}
    return v2.question(request, inputs, signature)


def encode(
    question: v2.Question, answers: Mapping[str, Tensor], model: str, version: str, receipt: str | None = None
) -> tuple[bytes, int]:
    """Write a response, and say how many bytes of it are JSON. Outputs that are not asked for as bytes are in there."""
    tails = {name: raw.encode(answer) for name, answer in answers.items() if name in question.binary}
    outputs = [
        _described(name, answer, len(tails[name])) if name in tails else v2.output(name, answer)
        for name, answer in answers.items()
    ]
    head = msgspec.json.encode(v2.identity(question, model, version, receipt) | {"outputs": outputs})
    return b"".join((head, *tails.values())), len(head)


@dataclass(frozen=True, slots=True)
class _Sent:
    """An input, and its bytes if it came as such."""

    name: str
    tensor: v2.InputTensor
    content: memoryview | None


def _length(header_length: bytes, whole: int) -> int:
    if not header_length.isdigit() or len(header_length) > 18 or int(header_length) > whole:
        raise InvalidInput(f"{HEADER} must be how many bytes of the body are JSON, at most all of them")
    return int(header_length)


def _sent(inputs: Sequence[v2.InputTensor], tail: memoryview) -> list[_Sent]:
    """The inputs with the bytes of each, which follow each other in their order."""
    sent, at = [], 0
    for tensor in inputs:
        size = _size(tensor)
        sent.append(_Sent(tensor.name, tensor, None if size is None else tail[at : at + size]))
        at += size or 0
    if at != len(tail):
        raise InvalidInput(
            f"after the JSON, as long as {HEADER} says, must come as many bytes as all binary_data_size together"
        )
    return sent


def _size(tensor: v2.InputTensor) -> int | None:
    size = (tensor.parameters or {}).get("binary_data_size")
    if size is None:
        return None
    if type(size) is not int or size < 0 or not v2.is_absent(tensor.data):
        raise InvalidInput("an input has either data, or the parameter binary_data_size, a number of bytes")
    return size


def _tensor(sent: _Sent, spec: TensorSpec) -> Tensor:
    if sent.content is None:
        return v2.tensor(sent.tensor, spec)
    shape, datatype = sent.tensor.shape, sent.tensor.datatype
    agreement.check_declared(shape, datatype, spec)
    return agreement.fitted(raw.decode(sent.content, shape, datatype, spec.name), spec)


def _described(name: str, answer: Tensor, size: int) -> dict[str, Any]:
    described = {"name": name, "shape": answer.shape, "datatype": datatype_of(answer)}
    return described | {"parameters": {"binary_data_size": size}}
