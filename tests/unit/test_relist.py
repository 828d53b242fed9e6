"""When everything is read again: a watch that began anew tells no deletion of the time between."""

import asyncio
from typing import Any, cast

import pytest

from contender import handlers
from contender.cluster import kinds
from contender.handlers import Tasks, registry
from contender.reconcile import World


async def relists(monkeypatch: pytest.MonkeyPatch, *types: str | None) -> int:
    """How often all is read when a watch tells events of these types; None is kopf's for what it listed."""
    count, gap = 0, asyncio.Event()

    async def relist(*_: object) -> None:
        nonlocal count
        count += 1

    monkeypatch.setattr(handlers, "relist", relist)
    monkeypatch.setattr(handlers, "take", lambda *_: None)
    monkeypatch.setattr(handlers, "GAP_SECONDS", 0.05)
    nothing = cast(Any, None)
    known = registry(nothing, cast(Tasks, nothing), gap)
    handler = next(each for each in known._watching.get_all_handlers() if each.id == kinds.POD.plural)
    listing = asyncio.create_task(handlers._relist_for_ever(cast(World, nothing), nothing, (), gap))
    for each in types:
        await cast(Any, handler.fn)(event={"type": each, "object": {}})
    await asyncio.sleep(0.3)
    listing.cancel()
    return count


async def test_all_is_read_once_after_a_watch_began_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await relists(monkeypatch, None, None, None) == 1


async def test_nothing_is_read_again_while_the_watches_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await relists(monkeypatch, "ADDED", "MODIFIED", "DELETED") == 0
