"""The methods of GRPCInferenceService, each a function of the service and a request; errors become statuses here."""

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from time import perf_counter
from typing import Any, NamedTuple

import grpc
from google.protobuf.message import DecodeError

from contender_serving import metadata
from contender_serving.grpc import codec
from contender_serving.grpc import open_inference_pb2 as pb
from contender_serving.http.message import CLIENT_GONE
from contender_serving.rejections import (
    InvalidInput,
    ModelFailed,
    NotReady,
    Overloaded,
    RequestError,
    TooLarge,
    UnknownModel,
)
from contender_serving.service import Service

NAME = "inference.GRPCInferenceService"

CODES: dict[type[RequestError], grpc.StatusCode] = {
    InvalidInput: grpc.StatusCode.INVALID_ARGUMENT,
    UnknownModel: grpc.StatusCode.NOT_FOUND,
    TooLarge: grpc.StatusCode.RESOURCE_EXHAUSTED,
    ModelFailed: grpc.StatusCode.INTERNAL,
    NotReady: grpc.StatusCode.UNAVAILABLE,
    Overloaded: grpc.StatusCode.UNAVAILABLE,
}
# How the metrics count them: as HTTP does.
STATUSES = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 413,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.UNAVAILABLE: 503,
}

Method = Callable[[Service, Any], Awaitable[Any]]

logger = logging.getLogger(__name__)


class _Refusal(NamedTuple):
    """What a client gets instead of a response."""

    code: grpc.StatusCode
    message: str


def handler(service: Service) -> grpc.GenericRpcHandler:
    """All methods, as a gRPC server takes them."""
    return grpc.method_handlers_generic_handler(
        NAME, {name: _unary(name, _answering(service, method)) for name, method in METHODS.items()}
    )


async def _server_live(_: Service, __: pb.ServerLiveRequest) -> pb.ServerLiveResponse:
    return pb.ServerLiveResponse(live=True)


async def _server_ready(service: Service, _: pb.ServerReadyRequest) -> pb.ServerReadyResponse:
    return pb.ServerReadyResponse(ready=service.ready)


async def _model_ready(service: Service, request: pb.ModelReadyRequest) -> pb.ModelReadyResponse:
    if service.model.ready:
        service.address(request.name, request.version or None)
    return pb.ModelReadyResponse(ready=service.ready)


async def _server_metadata(_: Service, __: pb.ServerMetadataRequest) -> pb.ServerMetadataResponse:
    return pb.ServerMetadataResponse(**metadata.server())


async def _model_metadata(service: Service, request: pb.ModelMetadataRequest) -> pb.ModelMetadataResponse:
    service.address(request.name, request.version or None)
    return pb.ModelMetadataResponse(**metadata.model(service))


async def _model_infer(service: Service, request: pb.ModelInferRequest) -> pb.ModelInferResponse:
    service.address(request.model_name, request.model_version or None)
    inputs, outputs = codec.decode(request, service.model.predictor.signature)
    answers, receipt = await service.predict(inputs, outputs)
    return codec.encode(request, answers, service.model_name, service.model.bundle.manifest.version, receipt)


METHODS: dict[str, Method] = {
    "ServerLive": _server_live,
    "ServerReady": _server_ready,
    "ModelReady": _model_ready,
    "ServerMetadata": _server_metadata,
    "ModelMetadata": _model_metadata,
    "ModelInfer": _model_infer,
}


def _unary(name: str, answer: Callable[..., Awaitable[Any]]) -> Any:
    request, response = getattr(pb, f"{name}Request"), getattr(pb, f"{name}Response")

    def parse(content: bytes) -> Any:
        try:
            return request.FromString(content)
        except DecodeError:
            return _Refusal(grpc.StatusCode.INVALID_ARGUMENT, f"the bytes are no {request.DESCRIPTOR.full_name}")

    return grpc.unary_unary_rpc_method_handler(
        answer, request_deserializer=parse, response_serializer=response.SerializeToString
    )


def _answering(service: Service, method: Method) -> Callable[..., Awaitable[Any]]:
    attempt = _counted if method is _model_infer else _attempt

    async def answer(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        outcome = await attempt(service, method, request)
        if isinstance(outcome, _Refusal):
            await context.abort(outcome.code, outcome.message)
        return outcome

    return answer


async def _attempt(service: Service, method: Method, request: Any) -> Any:
    """The response, or why there is none."""
    if isinstance(request, _Refusal):
        return request
    try:
        return await method(service, request)
    except RequestError as error:
        return _Refusal(CODES[type(error)], str(error))
    except Exception as error:  # a bug: its message may hold the input
        logger.error("%s failed: %s", method.__name__, type(error).__name__)
        return _Refusal(grpc.StatusCode.INTERNAL, "the server failed")


async def _counted(service: Service, method: Method, request: Any) -> Any:
    """The same for a request for predictions."""
    began, status = perf_counter(), CLIENT_GONE
    service.metrics.arrived()
    try:
        outcome = await _attempt(service, method, request)
        status = STATUSES[outcome.code] if isinstance(outcome, _Refusal) else HTTPStatus.OK
        return outcome
    finally:
        service.metrics.left(status, perf_counter() - began)
