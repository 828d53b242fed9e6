"""Port 8081: whether this process is well, and its metrics. Leader and stand-by answer alike."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from kubernetes.aio.client import ApiClient, VersionApi
from kubernetes.aio.client.exceptions import ApiException
from prometheus_client.aiohttp import make_aiohttp_handler

from contender import metrics

PORT = 8081
ANSWER_SECONDS = 5.0
RETRY_SECONDS = 1.0

logger = logging.getLogger(__name__)


@asynccontextmanager
async def served(api: ApiClient, port: int = PORT) -> AsyncIterator[None]:
    """Serves /healthz, /readyz and /metrics while the context lasts; ready once the API server has answered."""
    reached = asyncio.Event()
    runner = web.AppRunner(application(reached), access_log=None)
    await runner.setup()
    reaching = asyncio.create_task(_reach(api, reached))
    try:
        await web.TCPSite(runner, port=port).start()
        yield
    finally:
        reaching.cancel()
        await runner.cleanup()


def application(reached: asyncio.Event) -> web.Application:
    """The three answers. A process whose event loop stands still gives none, and the kubelet restarts it."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="the event loop turns\n")

    async def readyz(_: web.Request) -> web.Response:
        if reached.is_set():
            return web.Response(text="the API server was reached\n")
        return web.Response(status=503, text="the API server was not reached yet\n")

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", make_aiohttp_handler(metrics.REGISTRY))
    return app


async def _reach(api: ApiClient, reached: asyncio.Event) -> None:
    while not reached.is_set():
        try:
            await VersionApi(api).get_code(_request_timeout=ANSWER_SECONDS)
            reached.set()
        except (ApiException, aiohttp.ClientError, TimeoutError) as error:
            logger.warning("the API server was not reached: %s", error)
            await asyncio.sleep(RETRY_SECONDS)
