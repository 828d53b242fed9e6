import asyncio
import logging
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from kubernetes.aio.client import ApiClient, Configuration

from contender import health

TEXTS = ("buildDate", "compiler", "gitCommit", "gitTreeState", "gitVersion", "goVersion", "major", "minor", "platform")


class ApiServer:
    """Answers `/version`, but only once it is up."""

    up = False

    async def version(self, _: web.Request) -> web.Response:
        return web.json_response(dict.fromkeys(TEXTS, "1")) if self.up else web.Response(status=503)


@pytest.fixture
def server() -> ApiServer:
    return ApiServer()


@pytest.fixture
async def port(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """Where the endpoint of a process is served whose API server is `server`."""
    monkeypatch.setattr(health, "RETRY_SECONDS", 0.01)
    app, port = web.Application(), unused_port()
    app.router.add_get("/version/", server.version)
    async with TestServer(app) as api_server:
        api = ApiClient(Configuration(host=str(api_server.make_url("")).rstrip("/")))
        async with api, health.served(api, port):
            yield port


async def get(port: int, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as response:
        return response.status, await response.text()


async def test_a_process_is_healthy_but_not_ready_before_the_api_server_answered(port: int) -> None:
    assert await get(port, "/healthz") == (200, "the event loop turns\n")
    assert await get(port, "/readyz") == (503, "the API server was not reached yet\n")


async def test_a_process_gets_ready_once_the_api_server_answers_and_stays_so_when_it_is_away(
    port: int, server: ApiServer
) -> None:
    server.up = True
    async with asyncio.timeout(30):
        while (await get(port, "/readyz"))[0] != 200:  # noqa: ASYNC110 - asked over the wire, as the kubelet does
            await asyncio.sleep(0.01)
    server.up = False

    assert await get(port, "/readyz") == (200, "the API server was reached\n")


async def test_the_metrics_are_served_as_text(port: int) -> None:
    status, text = await get(port, "/metrics")

    assert status == 200
    assert "\ncontender_leader " in text


async def test_an_unreachable_api_server_is_logged_without_a_traceback(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ApiClient(Configuration(host=f"http://127.0.0.1:{unused_port()}")) as api:
        with caplog.at_level(logging.WARNING):
            async with health.served(api, unused_port()), asyncio.timeout(30):
                while not caplog.records:  # noqa: ASYNC110 - a log line sets no event
                    await asyncio.sleep(0.01)

    assert caplog.messages[0].startswith("the API server was not reached: ")
    assert caplog.records[0].exc_info is None
