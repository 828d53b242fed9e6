"""A thousand requests a second, and the server is told to stop: all are answered, by it or by the next."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from tests import models
from tests.serving.process import Server
from tests.serving.wire import Client

RATE, SECONDS, CLIENTS = 1000, 3, 20


async def test_no_request_is_lost_when_a_server_stops(
    serve: Callable[..., Server], volumes: Callable[[str], Path]
) -> None:
    servers = [serve(volumes("onnx"), CONTENDER_DRAIN_DELAY="60") for _ in range(2)]
    for server in servers:
        await asyncio.to_thread(server.wait_until_ready)
    body = models.v2_request(models.digits()[0][:1])
    request = b"POST /v2/models/churn/infer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    statuses: list[int] = []

    async def ask(requests: int) -> int:
        """As a router does: stay with a server until it asks to connect anew; then go where it is ready."""
        serving, client, began = 0, await Client.to(servers[0].port), asyncio.get_running_loop().time()
        for number in range(requests):
            await client.send(request)
            status, fields, _ = await client.answer()
            statuses.append(status)
            if fields.get("connection") == "close":
                client.close()
                serving, client = 1, await Client.to(servers[1].port)
            due = began + number * CLIENTS / RATE
            await asyncio.sleep(max(0, due - asyncio.get_running_loop().time()))
        client.close()
        return serving

    asking = [asyncio.create_task(ask(RATE * SECONDS // CLIENTS)) for _ in range(CLIENTS)]
    await asyncio.sleep(SECONDS / 3)
    servers[0].terminate()

    assert await asyncio.gather(*asking) == [1] * CLIENTS, "all were led to the other server"
    assert statuses == [200] * (RATE * SECONDS)
    servers[0].terminate()  # a second signal ends the delay
    assert await asyncio.to_thread(servers[0].exit_code) == 0
