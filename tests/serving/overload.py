"""More requests than a model can answer: how much of what it can does it still answer, and does it grow?

python -m tests.serving.overload 60
"""

import asyncio
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests import models
from tests.serving.process import Server
from tests.serving.wire import Client

TIMES = 5
CONNECTIONS = 128
BUSY = 4  # connections that keep the model busy, and no more
WAIT = 1  # seconds that a request may wait for the model


@dataclass(frozen=True, slots=True)
class Overload:
    """Rates a second: answered when just busy, and sent, answered and refused under overload; memory in kB."""

    capacity: float
    offered: float
    goodput: float
    refused: float
    others: int  # answers that were neither
    deepest: float  # the line
    before: int
    after: int


async def measure(server: Server, seconds: float) -> Overload:
    """Find a slow model's capacity, then send it so many times of that for some seconds."""
    request = _request(models.v2_request(models.digits()[0][:1]))
    capacity = (await _load(server, request, BUSY, seconds / 3))[200] / (seconds / 3)
    before = _memory(server)
    load = asyncio.create_task(_load(server, request, CONNECTIONS, seconds, TIMES * capacity))
    depths = []
    while not load.done():
        depths.append(await asyncio.to_thread(server.sample, "contender_serving_queue_depth"))
        await asyncio.sleep(0.2)
    answers = load.result()
    good, refused = answers[200], answers[503]
    return Overload(
        capacity=capacity,
        offered=answers.total() / seconds,
        goodput=good / seconds,
        refused=refused / seconds,
        others=answers.total() - good - refused,
        deepest=max(depths),
        before=before,
        after=_memory(server),
    )


def slow(folder: Path) -> Path:
    """The model volume of a model that takes some milliseconds."""
    models.slow(folder / "bundle", iterations=500)
    return folder


def _request(body: bytes) -> bytes:
    return b"POST /v2/models/churn/infer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def _load(
    server: Server, request: bytes, connections: int, seconds: float, rate: float = float("inf")
) -> Counter[int]:
    """Send over so many connections, each waiting for its answers, at most `rate` a second in all."""
    loop = asyncio.get_running_loop()
    statuses: Counter[int] = Counter()
    end = loop.time() + seconds

    async def ask() -> None:
        client = await Client.to(server.port)
        due = loop.time()
        while loop.time() < end:
            await client.send(request)
            statuses[(await client.answer())[0]] += 1
            due += connections / rate
            await asyncio.sleep(max(0, due - loop.time()))
        client.close()

    await asyncio.gather(*(ask() for _ in range(connections)))
    return statuses


def _memory(server: Server) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def main(seconds: float) -> None:
    """Overload a server of its own, print what was seen, and fail if it gave way."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(slow(Path(folder)), Path(folder) / "log", {"CONTENDER_MAX_WAIT": str(WAIT)})
        server.wait_until_ready()
        seen = asyncio.run(measure(server, seconds))
        server.close()
    print(seen)
    assert seen.others == 0
    assert seen.goodput >= 0.9 * seen.capacity
    assert seen.after - seen.before < 10 * 1024


if __name__ == "__main__":
    main(float(sys.argv[1]))
