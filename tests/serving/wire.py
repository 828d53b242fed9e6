"""A server of a toy application, with small limits, in the test's own event loop; and a client that sends bytes."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from contender_serving.http import Limits, Listener, Request, Response

SMALL = Limits(body=2000, line=200, head=1000, ahead=3, pace=1000, patience=0.2, idle=0.6, linger=0.2, tick=0.02)
PATIENT = Limits(body=2000, line=200, head=1000, ahead=3)
LARGE = 4_000_000  # bytes of what /large answers
PATIENCE = 60  # seconds of a test for what must come


class Echo:
    """Answers what it was asked. `/slow` waits for the gate; `/large` is a large answer."""

    def __init__(self) -> None:
        self.gate = asyncio.get_running_loop().create_future()
        self.paths: list[str] = []
        self.left_with: Counter[int] = Counter()
        self.open = 0

    def arrived(self, _: Request) -> None:
        self.open += 1

    def left(self, _: Request, status: int) -> None:
        self.open -= 1
        self.left_with[status] += 1

    async def answer(self, request: Request) -> Response:
        self.paths.append(request.path)
        if request.path == "/slow":
            await asyncio.shield(self.gate)
        if request.path == "/large":
            return Response(200, b"x" * LARGE)
        asked = {"method": request.method, "path": request.path, "query": request.query}
        return Response(200, json.dumps(asked | {"body": request.body.decode("latin-1")}).encode())


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)
        await self._writer.drain()

    async def head(self) -> tuple[int, dict[str, str]]:
        """The next status and header fields."""
        async with asyncio.timeout(PATIENCE):
            lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        return int(lines[0].split()[1]), dict(line.split(": ", 1) for line in lines[1:] if line)

    async def answer(self) -> tuple[int, dict[str, str], Any]:
        """The next answer, its body parsed."""
        status, fields = await self.head()
        async with asyncio.timeout(PATIENCE):
            body = await self._reader.readexactly(int(fields["content-length"]))
        return status, fields, json.loads(body) if body.startswith(b"{") else body

    async def ended(self) -> bool:
        """Whether nothing more comes, once the server has closed."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self._reader.read() == b""
            except ConnectionResetError:
                return True

    @classmethod
    async def to(cls, port: int) -> "Client":
        """Connect to a server on loopback."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def close(self) -> None:
        """Go away."""
        self._writer.close()


class Running:
    """A server, its application, and its clients."""

    def __init__(self, listener: Listener, application: Echo) -> None:
        self.listener, self.application = listener, application
        self._clients: list[Client] = []

    async def client(self, data: bytes = b"") -> Client:
        """Connect, and send bytes."""
        self._clients.append(await Client.to(self.listener.port))
        await self._clients[-1].send(data)
        return self._clients[-1]

    async def close(self) -> None:
        """End all."""
        for client in self._clients:
            client.close()
        await self.listener.close(0)


@asynccontextmanager
async def running(limits: Limits) -> AsyncIterator[Running]:
    """A server for the time of a test."""
    application = Echo()
    listener = Listener(application, limits)
    await listener.listen("127.0.0.1", 0)
    server = Running(listener, application)
    try:
        yield server
    finally:
        await server.close()


async def until(holds: Any) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110, what it looks at tells nobody
            await asyncio.sleep(0.005)
