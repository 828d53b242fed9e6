"""The listening side: takes clients in, looks after them, and lets them go."""

import asyncio
from contextlib import suppress
from email.utils import formatdate

from contender_serving.http.application import Application
from contender_serving.http.connection import Connection
from contender_serving.http.limits import Limits

BACKLOG = 1024  # clients that may wait to be taken in


class Listener:
    """An HTTP server on one address."""

    def __init__(self, application: Application, limits: Limits) -> None:
        self._application, self._limits = application, limits
        self.loop = asyncio.get_running_loop()
        self._connections: set[Connection] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self.draining = False  # while it is set, each answer asks its client to connect anew

    async def listen(self, host: str, port: int) -> None:
        """Take clients in from now on. Raises `OSError` if the address is not to be had."""
        self._tick()
        self._server = await self.loop.create_server(self._connection, host, port, backlog=BACKLOG)

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self, patience: float) -> None:
        """Take nobody in any more, and return when all are gone; requests in flight have `patience` seconds."""
        self.draining = True
        self._server.close()
        for connection in tuple(self._connections):
            connection.finish()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), patience)
        for connection in tuple(self._connections):
            connection.abort()
        self._ticking.cancel()

    def entered(self, connection: Connection) -> None:
        """A client has come."""
        self._connections.add(connection)
        self._empty.clear()

    def left(self, connection: Connection) -> None:
        """A client has gone."""
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    def _connection(self) -> Connection:
        return Connection(self, self._application, self._limits)

    def _tick(self) -> None:
        self.date = f"date: {formatdate(usegmt=True)}\r\n".encode()
        self._ticking = self.loop.call_later(self._limits.tick, self._tick)
        now = self.loop.time()
        for connection in tuple(self._connections):
            connection.check(now)
