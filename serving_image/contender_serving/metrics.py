"""What the server says about itself at /metrics. The names are a contract: docs/serving-contract.md lists them."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contender_serving.bundle import Bundle

REGISTRY = CollectorRegistry()
REQUESTS = Counter("contender_serving_requests_total", "Prediction requests by status", ["code"], registry=REGISTRY)
DURATION = Histogram(
    "contender_serving_request_duration_seconds",
    "Time from a prediction request's arrival to its answer",
    buckets=[0.001 * 2**i for i in range(16)],  # 1 ms to 33 s
    registry=REGISTRY,
)
IN_FLIGHT = Gauge(
    "contender_serving_requests_in_flight", "Prediction requests without an answer yet", registry=REGISTRY
)
ROWS = Counter("contender_serving_rows_total", "Rows predicted", registry=REGISTRY)
INFO = Gauge(
    "contender_serving_info",
    "1 for the model that is served",
    ["model", "version", "format", "framework", "framework_version", "digest"],
    registry=REGISTRY,
)
disable_created_metrics()  # type: ignore[no-untyped-call]


def exposition() -> bytes:
    """All metrics in Prometheus' text format."""
    return generate_latest(REGISTRY)


def describe(model: str, bundle: Bundle) -> None:
    """Say which model is served."""
    manifest = bundle.manifest
    framework = manifest.framework
    INFO.labels(model, manifest.version, manifest.format, framework.name, framework.version, bundle.digest).set(1)


class Measured:
    """Middleware of the prediction routes: counts each answer and its time."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, watching for the status that is sent."""
        code = 500  # what the client gets if nothing is sent

        async def watched(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            await send(message)

        began = time.perf_counter()
        try:
            with IN_FLIGHT.track_inprogress():
                await self._app(scope, receive, watched)
        finally:
            REQUESTS.labels(str(code)).inc()
            DURATION.observe(time.perf_counter() - began)
