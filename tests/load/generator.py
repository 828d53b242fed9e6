"""Sends requests at a fixed rate, whatever the answers do (an open loop), over a bounded pool of kept connections."""

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import aiohttp

from tests.load.recording import Record, Recording

VARIANT_HEADER, RECEIPT_HEADER = "x-contender-variant", "x-contender-receipt"
JSON = {"content-type": "application/json"}
WORTH_A_RETRY = frozenset({None, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Answer:
    status: int | None
    variant: str | None = None
    error: str = ""
    receipt: str | None = None


@dataclass
class Load:
    """`with Load(url, rate=100, body=body) as recording:` sends until the block ends, or `limit` seconds have passed.

    It runs in a thread of its own, so that whoever watches may block. `body` gets the request's number, from 0, and
    gives its bytes. A client that retries does so once, after a pause, when it got no answer or a gateway's refusal.
    """

    url: str
    rate: float  # requests per second
    body: Callable[[int], bytes]
    headers: Mapping[str, str] = field(default_factory=dict)
    pool: int = 64  # requests under way at most
    timeout: float = 10.0  # seconds for one attempt
    retry_after: float | None = None  # seconds of pause before the one retry; None: no retry
    limit: float = 900.0
    recording: Recording = field(default_factory=Recording, init=False)
    _ended: threading.Event = field(default_factory=threading.Event, init=False)

    def __enter__(self) -> Recording:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="load")
        self._run: Future[None] = self._thread.submit(lambda: asyncio.run(self._send_all()))
        return self.recording

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.shutdown()
        self._run.result()

    async def _send_all(self) -> None:
        free = asyncio.Semaphore(self.pool)
        async with self._session() as session, asyncio.TaskGroup() as requests:
            async for number in self._due():
                await free.acquire()
                request = requests.create_task(self._record(session, number))
                request.add_done_callback(lambda _: free.release())

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self.pool),
            timeout=aiohttp.ClientTimeout(total=self.timeout),
            headers={**JSON, **self.headers},
        )

    async def _due(self) -> AsyncIterator[int]:
        """The number of each request when it is its turn; late ones follow at once."""
        clock = asyncio.get_running_loop().time
        begin = clock()
        for number in itertools.count():
            due = number / self.rate
            await asyncio.sleep(max(0.0, begin + due - clock()))
            if self._ended.is_set() or due > self.limit:
                return
            yield number

    async def _record(self, session: aiohttp.ClientSession, number: int) -> None:
        body = self.body(number)
        sent, begin, attempts = time.time(), time.perf_counter(), 1
        answer = await self._attempt(session, body)
        if self.retry_after is not None and answer.status in WORTH_A_RETRY:
            await asyncio.sleep(self.retry_after)
            answer, attempts = await self._attempt(session, body), 2
        latency = time.perf_counter() - begin
        told = (answer.status, answer.error, answer.variant)
        self.recording.add(Record(sent, latency, *told, attempts, number, answer.receipt))

    async def _attempt(self, session: aiohttp.ClientSession, body: bytes) -> Answer:
        try:
            async with session.post(self.url, data=body) as response:
                await response.read()
                told = response.headers
                return Answer(response.status, told.get(VARIANT_HEADER), receipt=told.get(RECEIPT_HEADER))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Answer(None, error=repr(error))
