"""The process: an HTTP server that is live at once, loads its model beside it, and drains when it is told to stop."""

import asyncio
import logging
from types import FrameType

import uvicorn

from contender_serving import metrics
from contender_serving.app import Service, build
from contender_serving.settings import ServeSettings

# Longer than any router keeps an idle connection (Envoy: one hour), so that it is never we who close one in use.
KEEP_ALIVE = 2 * 3600

logger = logging.getLogger(__name__)


class DrainingServer(uvicorn.Server):
    """On SIGTERM it turns unready first, goes on serving for `delay` seconds, and only then closes.

    The delay is for routers to see that it is unready; requests in flight have the configuration's graceful timeout.
    """

    def __init__(self, config: uvicorn.Config, service: Service, delay: float) -> None:
        super().__init__(config)
        self._service, self._delay = service, delay
        self._loop = asyncio.get_running_loop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal drains, the second closes at once."""
        del sig, frame
        if self._service.draining:
            self.should_exit = True
        self._service.draining = True
        self._loop.call_soon_threadsafe(self._loop.call_later, self._delay, self._close)

    def _close(self) -> None:
        self.should_exit = True


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
    service = Service(settings.model_name, settings.max_body_bytes)
    config = uvicorn.Config(
        build(service),
        host=settings.host,
        port=settings.port,
        http="httptools",
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=settings.drain_timeout,
    )
    server = DrainingServer(config, service, settings.drain_delay)
    serving = asyncio.create_task(server.serve())
    try:
        bundle = await service.model.load(settings.bundle, settings.digest)
        metrics.describe(service.model_name, bundle)
        logger.info("serving %s %s on port %s", service.model_name, bundle.manifest.version, settings.port)
    except BaseException:  # whatever it was: a process that cannot get ready must not stay
        server.should_exit = True
        raise
    finally:
        await serving
