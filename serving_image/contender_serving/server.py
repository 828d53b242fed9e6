"""The process: an HTTP server that is live at once, loads its model beside it, and drains when it is told to stop."""

import asyncio
import logging
import signal

from contender_serving.app import App
from contender_serving.http import Limits, Listener
from contender_serving.service import Service
from contender_serving.settings import ServeSettings

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
    service = Service(settings.model_name)
    listener = Listener(App(service, settings.max_body_bytes), Limits(body=settings.max_body_bytes))
    stopping = Stopping(service, listener, settings.drain_delay)
    await listener.listen(settings.host, settings.port)
    try:
        bundle = await service.model.load(settings.bundle, settings.digest)
        logger.info("serving %s %s on port %s", service.model_name, bundle.manifest.version, settings.port)
        await stopping.over.wait()
    finally:
        await listener.close(settings.drain_timeout)


class Stopping:
    """On SIGTERM the server turns unready first and serves on for `delay` seconds, for routers to see that it is.

    Meanwhile its answers ask clients to connect anew. A second signal ends the delay.
    """

    def __init__(self, service: Service, listener: Listener, delay: float) -> None:
        self.over = asyncio.Event()
        self._service, self._listener, self._delay = service, listener, delay
        for name in (signal.SIGTERM, signal.SIGINT):
            listener.loop.add_signal_handler(name, self._begin)

    def _begin(self) -> None:
        if self._service.draining:
            self.over.set()
        self._service.draining = self._listener.draining = True
        self._listener.loop.call_later(self._delay, self.over.set)
