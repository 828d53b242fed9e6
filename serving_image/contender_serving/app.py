"""The HTTP layer: routes, statuses and bodies. Thin over `Model` and the protocols; it knows nothing of any engine."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from importlib.metadata import version as installed
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contender_serving import metrics
from contender_serving.model import Model
from contender_serving.protocols import v1, v2
from contender_serving.rejections import InvalidInput, ModelFailed, NotReady, RequestError, TooLarge, UnknownModel
from contender_serving.tensors import TensorSpec

CLIENT_GONE = 499  # as proxies count a client that went away before its request was whole

STATUS: dict[type[RequestError], HTTPStatus] = {
    InvalidInput: HTTPStatus.BAD_REQUEST,
    UnknownModel: HTTPStatus.NOT_FOUND,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ModelFailed: HTTPStatus.INTERNAL_SERVER_ERROR,
    NotReady: HTTPStatus.SERVICE_UNAVAILABLE,
}


@dataclass
class Service:
    """What the handlers need: the model, the name that it is served by, and whether this process is going away."""

    name: str | None  # by default the bundle's own
    max_body_bytes: int
    model: Model = field(default_factory=Model)
    draining: bool = False

    @property
    def ready(self) -> bool:
        """Whether new requests should come here."""
        return self.model.ready and not self.draining

    @property
    def model_name(self) -> str:
        """The name in paths and answers."""
        return self.name or self.model.bundle.manifest.name

    def address(self, request: Request) -> None:
        """Raise `UnknownModel` unless the path names the model, and the version if it names one."""
        version = self.model.bundle.manifest.version
        if request.path_params["model"] != self.model_name:
            raise UnknownModel(f"no such model; this server has {self.model_name}")
        if request.path_params.get("version", version) != version:
            raise UnknownModel(f"no such version; this server has {version}")


def build(service: Service) -> Starlette:
    """The ASGI application."""
    v2_model = "/v2/models/{model}"
    routes = [
        Route("/metrics", _metrics),
        Route("/v2", _server),
        Route("/v2/health/live", _live),
        Route("/v2/health/ready", _ready),
        Route("/v1/models", _v1_models),
        Route("/v1/models/{model}:predict", _v1_predict, methods=["POST"], middleware=[Middleware(metrics.Measured)]),
        Route("/v1/models/{model}", _v1_model),
    ]
    for path in (v2_model, v2_model + "/versions/{version}"):
        routes += [
            Route(path, _metadata),
            Route(path + "/ready", _model_ready),
            Route(path + "/infer", _infer, methods=["POST"], middleware=[Middleware(metrics.Measured)]),
        ]
    handlers: dict[Any, Callable[[Request, Any], Awaitable[Response]]] = {
        RequestError: _refused,
        ClientDisconnect: _gone,
        HTTPException: _no_route,
        Exception: _bug,
    }
    app = Starlette(routes=routes, exception_handlers=handlers, middleware=[Middleware(Farewell, service=service)])
    app.state.service = service
    return app


class Farewell:
    """Middleware: while the process drains, each answer asks the client to connect anew, which leads elsewhere."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start" and self._service.draining:
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await send(message)

        await self._app(scope, receive, sent)


def _json(content: object, status: int = 200) -> Response:
    return _encoded(msgspec.json.encode(content), status)


def _encoded(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json")


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def _body(request: Request) -> bytes:
    limit = _service(request).max_body_bytes
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise TooLarge(f"the body is larger than {limit} bytes; send fewer rows at once")
    return bytes(body)


async def _metrics(_: Request) -> Response:
    return Response(metrics.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _live(_: Request) -> Response:
    return _json({"live": True})


async def _ready(request: Request) -> Response:
    ready = _service(request).ready
    return _json({"ready": ready, "live": ready}, 200 if ready else 503)


async def _server(_: Request) -> Response:
    return _json({"name": "contender-serving", "version": installed("contender-serving"), "extensions": []})


async def _metadata(request: Request) -> Response:
    service = _service(request)
    service.address(request)
    manifest, predictor = service.model.bundle.manifest, service.model.predictor
    return _json(
        {
            "name": service.model_name,
            "versions": [manifest.version],
            "platform": predictor.platform,
            "inputs": _tensors(predictor.signature.inputs),
            "outputs": _tensors(predictor.signature.outputs),
            "properties": {"digest": service.model.bundle.digest, "framework": manifest.framework.name},
        }
    )


def _tensors(specs: Sequence[TensorSpec]) -> list[dict[str, object]]:
    return [{"name": spec.name, "datatype": spec.datatype, "shape": spec.shape} for spec in specs]


async def _model_ready(request: Request) -> Response:
    service = _service(request)
    service.address(request)
    return _json({"name": service.model_name, "ready": service.ready}, 200 if service.ready else 503)


async def _infer(request: Request) -> Response:
    service = _service(request)
    service.address(request)
    if "inference-header-content-length" in request.headers:
        raise InvalidInput("binary tensors are not served; send the tensors as JSON")
    question = v2.decode(await _body(request), service.model.predictor.signature)
    answers = await service.model.predict(question.inputs, question.outputs)
    metrics.ROWS.inc(len(next(iter(question.inputs.values()))))
    return _encoded(v2.encode(question, answers, service.model_name, service.model.bundle.manifest.version))


async def _v1_models(request: Request) -> Response:
    return _json({"models": [_service(request).model_name]})


async def _v1_model(request: Request) -> Response:
    return await _model_ready(request)


async def _v1_predict(request: Request) -> Response:
    service = _service(request)
    service.address(request)
    signature = service.model.predictor.signature
    inputs = v1.decode(await _body(request), signature)
    first = signature.outputs[0].name
    answers = await service.model.predict(inputs, [first])
    metrics.ROWS.inc(len(next(iter(inputs.values()))))
    return _encoded(v1.encode(answers[first]))


async def _refused(_: Request, error: RequestError) -> Response:
    return _json({"error": str(error)}, STATUS[type(error)])


async def _gone(_: Request, __: ClientDisconnect) -> Response:
    return Response(status_code=CLIENT_GONE)  # for the metrics: nobody reads it


async def _no_route(_: Request, error: HTTPException) -> Response:
    known = "/v2/models/<name>/infer, /v1/models/<name>:predict, /v2/health/ready"
    return _json({"error": f"{error.detail}; see {known}"}, error.status_code)


async def _bug(_: Request, __: Exception) -> Response:
    return _json({"error": "the server failed"}, 500)
