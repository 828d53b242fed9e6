"""The tasks of many ModelDeployments that are all woken at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from contender import handlers
from contender.cluster.turns import AT_ONCE, Turns
from contender.handlers import Tasks
from contender.reconcile import World

MANY = 10 * AT_ONCE


async def test_of_many_that_are_woken_at_once_only_some_are_looked_at_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    under_way, most, done = 0, 0, set[str]()
    all_done = asyncio.Event()

    async def reconcile(_world: object, _namespace: str, name: str) -> float:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        done.add(name)
        if len(done) == MANY:
            all_done.set()
        return 300.0

    monkeypatch.setattr(handlers, "reconcile", reconcile)
    tasks = Tasks(cast(World, cast(Any, SimpleNamespace(turns=Turns()))))
    for number in range(MANY):
        tasks.wake("team", f"m-{number}")
    await all_done.wait()
    await tasks.stop()

    assert most == AT_ONCE


async def test_those_that_only_wait_for_another_keep_nobody_from_working() -> None:
    turns, over = Turns(), asyncio.Event()

    async def waits() -> None:
        async with turns.one(), turns.aside():
            await over.wait()

    waiting = [asyncio.create_task(waits()) for _ in range(MANY)]
    await asyncio.sleep(0)
    async with asyncio.timeout(10), turns.one():
        over.set()
    await asyncio.gather(*waiting)

    assert not turns._free.locked()


@pytest.mark.parametrize(("waited", "pause"), [(0.0, 2.0), (1.0, 5.0), (60.0, 30.0)])
async def test_whoever_waited_for_a_turn_looks_the_less_often(
    monkeypatch: pytest.MonkeyPatch, waited: float, pause: float
) -> None:
    @asynccontextmanager
    async def one() -> AsyncIterator[float]:
        yield waited

    async def reconcile(*_: object) -> float:
        return 2.0

    monkeypatch.setattr(handlers, "reconcile", reconcile)
    tasks = Tasks(cast(World, cast(Any, SimpleNamespace(turns=SimpleNamespace(one=one)))))

    assert await tasks._once("team", "churn") == pause
