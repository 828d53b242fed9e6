"""KServe's V1 protocol: for models of one input; the answer is the first output."""

import msgspec

from contender_serving.protocols import values
from contender_serving.rejections import InvalidInput
from contender_serving.tensors import Signature, Tensor


class PredictRequest(msgspec.Struct):
    """The body of a V1 request."""

    instances: msgspec.Raw


_REQUESTS = msgspec.json.Decoder(PredictRequest)


def decode(body: bytes, signature: Signature) -> dict[str, Tensor]:
    """Read a request. Raises `InvalidInput` that says what to send instead."""
    if len(signature.inputs) != 1:
        raise InvalidInput("this model has several inputs, which V1 cannot name; use /v2/models/<name>/infer")
    request = values.read(_REQUESTS, body)
    return {signature.inputs[0].name: values.nested(request.instances, signature.inputs[0])}


def encode(answer: Tensor) -> bytes:
    """Write a response; NaN and infinities become null."""
    return msgspec.json.encode({"predictions": answer.tolist()})
