"""The process: servers that are live at once, load their model beside it, and drain when they are told to stop."""

import asyncio
import gc
import logging
import signal
from typing import TYPE_CHECKING

from contender_serving.app import App
from contender_serving.bundle import Bundle
from contender_serving.http import Limits, Listener
from contender_serving.receipts import Keys, Receipts
from contender_serving.service import Service
from contender_serving.settings import ServeSettings

if TYPE_CHECKING:
    from contender_serving.grpc.server import GrpcServer

logger = logging.getLogger(__name__)


def serve(settings: ServeSettings) -> None:
    """Serve until SIGTERM. Raises `Failure` if the model cannot be served."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    with asyncio.Runner(loop_factory=_event_loop) as runner:
        runner.run(_serve(settings))


def _event_loop() -> asyncio.AbstractEventLoop:
    import uvloop

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


async def _serve(settings: ServeSettings) -> None:
    service = Service(settings.model_name, settings.max_wait)
    http = Listener(App(service, settings.max_body_bytes), Limits(body=settings.max_body_bytes))
    stopping = Stopping(service, http, settings.drain_delay)
    await http.listen(settings.host, settings.port)
    grpc = await _grpc(service, settings)
    try:
        bundle = await _load(service, settings)
        _settle()
        if grpc:
            await grpc.announce(ready=True)
        logger.info("serving %s %s on port %s", service.model_name, bundle.manifest.version, settings.port)
        await stopping.begun.wait()
        if grpc:
            await grpc.announce(ready=False)
        await stopping.over.wait()
    finally:
        await asyncio.gather(*(server.close(settings.drain_timeout) for server in (http, grpc) if server))


async def _load(service: Service, settings: ServeSettings) -> Bundle:
    """Load the model. Where the variant has a name, answers have receipts from the first one on."""
    keys = Keys(settings.receipt_keys) if settings.variant else None
    if keys:
        await keys.follow()
    bundle = await service.model.load(settings.bundle, settings.digest, settings.trust)
    if keys and settings.variant:
        deployment = settings.deployment or service.model_name
        service.receipts = Receipts(keys, deployment, settings.variant, service.model.predictor)
    return bundle


def _settle() -> None:
    """What is loaded stays: for the garbage collector to look through it again and again costs requests milliseconds.

    And a request leaves no cycles behind: to look after every 700 objects is to look at each few requests in vain.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)


async def _grpc(service: Service, settings: ServeSettings) -> "GrpcServer | None":
    """The gRPC side, if it is wanted: to import it takes half the time and memory that an ONNX model's server does."""
    if settings.grpc_port is None:
        return None
    from contender_serving.grpc.server import GrpcServer

    server = GrpcServer(service, settings.max_body_bytes)
    await server.listen(settings.host, settings.grpc_port)
    return server


class Stopping:
    """On SIGTERM the server turns unready first and serves on for `delay` seconds, for routers to see that it is.

    Meanwhile its answers ask clients to connect anew. A second signal ends the delay.
    """

    def __init__(self, service: Service, listener: Listener, delay: float) -> None:
        self.begun, self.over = asyncio.Event(), asyncio.Event()
        self._service, self._listener, self._delay = service, listener, delay
        for name in (signal.SIGTERM, signal.SIGINT):
            listener.loop.add_signal_handler(name, self._begin)

    def _begin(self) -> None:
        if self._service.draining:
            self.over.set()
        self._service.draining = self._listener.draining = True
        self.begun.set()
        self._listener.loop.call_later(self._delay, self.over.set)
