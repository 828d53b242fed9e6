"""A proxy before the API server: it remembers what was asked, and fails the requests that a test picks.

Whoever comes by it has the rights of one account.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum

import aiohttp
from aiohttp import web
from yarl import URL


class Fault(Enum):
    """What becomes of a request: an answer's status instead of being passed on; or passed on, its answer lost."""

    CONFLICT = 409
    BUSY = 429
    BROKEN = 500
    AWAY = 503
    LOST = 0


@dataclass(frozen=True)
class Request:
    method: str
    path: str


def nothing_fails(_: Request) -> Fault | None:
    return None


@dataclass
class Proxy:
    api_server: aiohttp.ClientSession
    account: str
    fault: Callable[[Request], Fault | None] = nothing_fails  # asked before each request
    asked: list[Request] = field(default_factory=list)
    url: str = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serves on loopback while the block runs."""
        runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            host, port = runner.addresses[0]
            self.url = f"http://{host}:{port}"
            yield
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        asked = Request(request.method, request.path)
        self.asked.append(asked)
        fault = self.fault(asked)
        if fault and fault is not Fault.LOST:
            return web.json_response({"kind": "Status", "message": fault.name}, status=fault.value)
        answer = await self._passed_on(request)
        if fault and request.transport:
            request.transport.abort()
        return answer

    async def _passed_on(self, request: web.BaseRequest) -> web.Response:
        headers = {name: request.headers[name] for name in ("Accept", "Content-Type") if name in request.headers}
        headers["Impersonate-User"] = self.account
        url = URL(request.raw_path, encoded=True)
        async with self.api_server.request(request.method, url, headers=headers, data=await request.read()) as answer:
            return web.Response(status=answer.status, body=await answer.read(), content_type=answer.content_type)
