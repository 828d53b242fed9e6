"""How many reconciles work at a time. A hundred would keep the renewal of the Lease waiting until it has run out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

AT_ONCE = 16


class Turns:
    """Turns for all reconciles of this process. Whoever only waits for another steps aside."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[float]:
        """A turn for as long as the block runs; the seconds that it was waited for."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with self._free:
            yield loop.time() - began

    @asynccontextmanager
    async def aside(self) -> AsyncIterator[None]:
        """The turn that one has is another's while the block runs."""
        self._free.release()
        try:
            yield
        finally:
            await self._free.acquire()
