"""Paths and their answers. Thin over `Model` and the protocols; it knows nothing of any engine."""

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from contender_serving import docs, metadata, openapi
from contender_serving.http import Refused, Request, Response
from contender_serving.http.message import Field, as_json
from contender_serving.protocols import repository, v1, v2, v2_binary
from contender_serving.service import Service
from contender_serving.tensors import Signature, Tensor

HEADER = v2_binary.HEADER.lower().encode()
RECEIPT = b"x-contender-receipt"
RECEIPT_IN_HEADER = 4096  # characters; what is between client and server refuses long headers

Parameters = Mapping[str, str]
Handler = Callable[[Service, Request, Parameters], Awaitable[Response]]


class Route(NamedTuple):
    """One path, its method, who answers it, and whether it asks for predictions."""

    path: re.Pattern[str]
    method: str
    handler: Handler
    predicts: bool


async def _metrics(service: Service, _: Request, __: Parameters) -> Response:
    from contender_serving import exposition  # here, for a server is ready 40 ms sooner without

    return Response(200, exposition.text(service), exposition.CONTENT_TYPE)


async def _recording(service: Service, _: Request, __: Parameters) -> Response:
    return as_json(service.recording.read(time.perf_counter()))


async def _live(_: Service, __: Request, ___: Parameters) -> Response:
    return as_json({"live": True})


async def _ready(service: Service, _: Request, __: Parameters) -> Response:
    return as_json({"ready": service.ready, "live": service.ready}, 200 if service.ready else 503)


async def _server(_: Service, __: Request, ___: Parameters) -> Response:
    return as_json(metadata.server())


async def _metadata(service: Service, _: Request, parameters: Parameters) -> Response:
    service.address(**parameters)
    return as_json(metadata.model(service))


async def _model_ready(service: Service, _: Request, parameters: Parameters) -> Response:
    if service.model.ready:
        service.address(**parameters)
    return as_json({"name": parameters["model"], "ready": service.ready}, 200 if service.ready else 503)


async def _index(service: Service, request: Request, _: Parameters) -> Response:
    only_ready = repository.decode(request.body)
    version = service.model.bundle.manifest.version
    return as_json(repository.index(service.model_name, version, ready=service.ready, only_ready=only_ready))


async def _infer(service: Service, request: Request, parameters: Parameters) -> Response:
    service.address(**parameters)
    question = _question(request, service.model.predictor.signature)
    answers, receipt = await service.predict(question.inputs, question.outputs)
    return _answers(question, answers, receipt, service)


def _question(request: Request, signature: Signature) -> v2.Question:
    header = request.headers.get(HEADER)
    return v2.decode(request.body, signature) if header is None else v2_binary.decode(request.body, header, signature)


def _answers(question: v2.Question, answers: Mapping[str, Tensor], receipt: str | None, service: Service) -> Response:
    name, version, fields = service.model_name, service.model.bundle.manifest.version, _fields(receipt)
    if not question.binary:
        return Response(200, v2.encode(question, answers, name, version, receipt), headers=fields)
    body, length = v2_binary.encode(question, answers, name, version, receipt)
    return Response(200, body, v2_binary.MEDIA_TYPE, ((HEADER, b"%d" % length), *fields))


def _fields(receipt: str | None) -> tuple[Field, ...]:
    """The header of an answer that has a receipt, unless it is too long for one."""
    return ((RECEIPT, receipt.encode()),) if receipt and len(receipt) <= RECEIPT_IN_HEADER else ()


async def _openapi(service: Service, _: Request, __: Parameters) -> Response:
    bundle, predictor = service.model.bundle, service.model.predictor
    return as_json(openapi.document(service.model_name, bundle.manifest.version, predictor.signature))


async def _docs(_: Service, __: Request, ___: Parameters) -> Response:
    return Response(200, docs.page(), docs.MEDIA_TYPE, ((b"content-security-policy", docs.POLICY),))


async def _v1_models(service: Service, _: Request, __: Parameters) -> Response:
    return as_json({"models": [service.model_name]})


async def _v1_predict(service: Service, request: Request, parameters: Parameters) -> Response:
    service.address(**parameters)
    signature = service.model.predictor.signature
    inputs = v1.decode(request.body, signature)
    first = signature.outputs[0].name
    answers, receipt = await service.predict(inputs, [first])
    return Response(200, v1.encode(answers[first]), headers=_fields(receipt))


def _route(path: str, handler: Handler, method: str = "GET", *, predicts: bool = False) -> Route:
    """A path in which `{name}` is one segment, and `[...]` may be left out."""
    optional = re.escape(path).replace(r"\[", "(?:").replace(r"\]", ")?")
    return Route(re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/:]+)", optional)), method, handler, predicts)


ROUTES = (
    _route("/metrics", _metrics),
    _route("/metrics/answers", _recording),
    _route("/v2", _server),
    _route("/docs", _docs),
    _route("/openapi.json", _openapi),
    _route("/v2/health/live", _live),
    _route("/v2/health/ready", _ready),
    _route("/v2/models/{model}[/versions/{version}]", _metadata),
    _route("/v2/models/{model}[/versions/{version}]/ready", _model_ready),
    _route("/v2/models/{model}[/versions/{version}]/infer", _infer, "POST", predicts=True),
    _route("/v2/repository/index", _index, "POST"),
    _route("/v1/models", _v1_models),
    _route("/v1/models/{model}", _model_ready),
    _route("/v1/models/{model}:predict", _v1_predict, "POST", predicts=True),
)


@lru_cache(1024)  # clients ask for the same few again and again
def find(method: str, path: str) -> tuple[Route | None, Parameters, tuple[str, ...]]:
    """The route, the parameters in the path, and the methods that the path has."""
    matches = [(route, match) for route in ROUTES if (match := route.path.fullmatch(path))]
    allowed = tuple(route.method for route, _ in matches)
    for route, match in matches:
        if route.method == ("GET" if method == "HEAD" else method):
            return route, {name: unquote(value) for name, value in match.groupdict().items() if value}, allowed
    return None, {}, allowed


def predicts(request: Request) -> bool:
    """Whether a request is sent to where predictions are made."""
    route, _, _ = find(request.method, request.path)
    return route is not None and route.predicts


async def answer(service: Service, request: Request) -> Response:
    """Answer a request. Raises `Refused` if there is no such path, and what the path's handler raises."""
    route, parameters, allowed = find(request.method, request.path)
    if route:
        return await route.handler(service, request, parameters)
    if allowed:
        raise Refused(405, f"send {' or '.join(allowed)}", (b"allow", ", ".join(allowed).encode()))
    raise Refused(404, "no such path; see /v2/models/<name>/infer, /v1/models/<name>:predict, /v2/health/ready")
