"""A small HTTP client for what wrk cannot do: requests at a fixed rate, and figures for each connection.

It has the core to itself and spins, because event loops' timers count in milliseconds.
"""

import asyncio
import gc
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import httptools
import uvloop

from benchmarks.serving.bodies import Asked
from benchmarks.serving.processes import HOST


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: when it was due, how long after that it came (seconds), and its status; 0 if none came."""

    due: float
    latency: float
    status: int


class Connection(asyncio.Protocol):
    """A kept connection with one request under way; `answered(connection, answer)` is told each answer."""

    def __init__(self, answered: "Callable[[Connection, Answer], None]") -> None:
        self._answered = answered
        self._parser = httptools.HttpResponseParser(self)
        self._due: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast(asyncio.Transport, transport)

    def send(self, request: bytes, due: float) -> None:
        """Ask; the answer's time counts from `due`."""
        self._due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Parse on."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        self._end(self._parser.get_status_code())

    def connection_lost(self, _: Exception | None) -> None:
        """The server closed it; what was under way has no answer, and the connection is not used again."""
        self._end(0)

    def close(self) -> None:
        """Done."""
        self._due = None
        self._transport.close()

    def _end(self, status: int) -> None:
        if self._due is not None:
            due, self._due = self._due, None
            self._answered(self, Answer(due, time.perf_counter() - due, status))


@dataclass
class Load:
    """Requests to one server: at a fixed `rate` whatever the answers do, or without one each as the last is answered.

    A request that is due while all connections are under way waits for one, and its time runs.
    """

    port: int
    request: bytes
    connections: int
    rate: float | None = None
    answers: dict[int, list[Answer]] = field(default_factory=dict)  # by connection
    _free: deque[Connection] = field(default_factory=deque)

    async def run(self, seconds: float) -> None:
        """Send for `seconds`; answers that come up to a second later still count."""
        await self._connect()
        now = begin = time.perf_counter()
        end, sent = begin + seconds, 0
        while now < end:
            now = time.perf_counter()  # may be past the end, if others had the core: what was due is still sent
            while self._free and (due := begin + sent / self.rate if self.rate else now) < end and due <= now:
                self._free.popleft().send(self.request, due)
                sent += 1
            await asyncio.sleep(0)
        await asyncio.sleep(1)
        for connection in self._all:
            connection.close()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        opened = [
            await loop.create_connection(lambda: Connection(self._take), HOST, self.port)
            for _ in range(self.connections)
        ]
        self._all = [connection for _, connection in opened]
        self._free.extend(self._all)
        self.answers = {id(connection): [] for connection in self._all}

    def _take(self, connection: Connection, answer: Answer) -> None:
        self.answers[id(connection)].append(answer)
        if answer.status:
            self._free.append(connection)


def request(asked: Asked, method: str = "POST") -> bytes:
    """The bytes of a request."""
    headers = {"host": HOST, **asked.headers, "content-length": str(len(asked.body))}
    lines = [f"{method} {asked.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + asked.body


def run(seconds: float, *loads: Load) -> None:
    """Run loads beside each other, without garbage collections, which would look like the server's latency."""
    gc.collect()
    gc.disable()
    try:
        uvloop.run(_together(seconds, loads))
    finally:
        gc.enable()


async def _together(seconds: float, loads: Sequence[Load]) -> None:
    async with asyncio.TaskGroup() as group:
        for load in loads:
            group.create_task(load.run(seconds))
