"""What the HTTP server runs: every request gets an answer, and is counted if it asks for predictions."""

import logging
import time
from math import ceil

from contender_serving import routes
from contender_serving.http import Refused, Request, Response
from contender_serving.http.inflate import inflated
from contender_serving.http.message import Field, error
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

logger = logging.getLogger(__name__)

STATUS: dict[type[RequestError], int] = {
    InvalidInput: 400,
    UnknownModel: 404,
    TooLarge: 413,
    ModelFailed: 500,
    NotReady: 503,
    Overloaded: 503,
}


class App:
    """Answers a service's requests."""

    def __init__(self, service: Service, max_body_bytes: int) -> None:
        self._service, self._max_body_bytes = service, max_body_bytes
        self._metrics, self._recording = service.metrics, service.recording

    def arrived(self, request: Request) -> None:
        """Begin to count a request for predictions."""
        if routes.predicts(request):
            request.began = time.perf_counter()
            self._metrics.arrived()

    def left(self, request: Request, status: int) -> None:
        """Count its answer, and keep how it was if somebody wants to know."""
        if not request.began:
            return
        now = time.perf_counter()
        self._metrics.left(status, now - request.began)
        if now < self._recording.until and (request_id := request.headers.get(b"x-request-id")):
            self._recording.note(request_id, status, now - request.began, now)

    async def answer(self, request: Request) -> Response:
        """The answer of the request's path, or an error that says what to send instead."""
        try:
            if b"content-encoding" in request.headers:
                request.body = inflated(request, self._max_body_bytes)
            return await routes.answer(self._service, request)
        except Refused as refused:
            return refused.response
        except RequestError as rejection:
            return error(STATUS[type(rejection)], str(rejection), *_hints(rejection))
        except Exception:
            logger.exception("a bug")
            return error(500, "the server failed")


def _hints(rejection: RequestError) -> tuple[Field, ...]:
    if isinstance(rejection, Overloaded):
        return ((b"retry-after", b"%d" % ceil(rejection.retry_after)),)
    return ()
