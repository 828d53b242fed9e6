"""A model that is asked far more than it can answer; `make overload` does it for a minute, and holds it to figures."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from tests.serving import overload
from tests.serving.process import Server


async def test_under_overload_a_server_answers_what_it_can_and_turns_the_rest_away(
    serve: Callable[..., Server], volumes: Callable[[str], Path]
) -> None:
    server = serve(volumes("slow"), CONTENDER_MAX_WAIT=str(overload.WAIT))
    await asyncio.to_thread(server.wait_until_ready)

    seen = await overload.measure(server, seconds=3)

    assert seen.others == 0, "200 or 503, nothing else"
    assert seen.refused > 0
    assert seen.goodput > 0, "how much is a matter of figures, and those of the machine's other work too"
    assert 0 < seen.deepest < overload.CONNECTIONS
    assert seen.after - seen.before < 10 * 1024
    assert (await asyncio.to_thread(server.get, "/v2/health/ready")).status == 200
