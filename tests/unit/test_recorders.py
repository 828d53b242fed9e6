"""Whose single answers are asked for, and what becomes of servers that tell none."""

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from contender import names
from contender.cluster import kinds
from contender.cluster.observe import RECORDERS, judges_times, recorders
from contender.cluster.store import Store
from contender.intent import Intent
from contender.manifests.deployment import deployment
from contender.measure import Silent
from contender.measure.answers import MOST_BYTES, recording
from tests.unit.world import World

ERRORS = {"measure": "errors", "noWorseThan": 1.25, "below": 0.001}
SLOW = {"measure": "latency", "over": "50ms", "noWorseThan": 1.25, "below": 0.01}


def shadowing(**runtime: str) -> tuple[World, Store, str, str]:
    """A trial in the shadow, as the watches tell of it; its champion and its challenger, which has this runtime."""
    world = World()
    champion = world.apply("1", shadow={"percent": 100, "duration": "1h"})
    world.run(30, until="Idle")
    challenger = world.apply("2", shadow={"percent": 100, "duration": "1h"})
    if runtime:
        world.raw["spec"]["runtime"] = runtime
        challenger = Intent.of(world.owner, "serving:1").hash
    world.run(30, until="Shadowing")
    return world, stored(world), champion, challenger


def stored(world: World) -> Store:
    store = Store()
    for raw in world.trials.values():
        store.put(kinds.TRIAL, raw)
    for workload in world.workloads.values():
        made = deployment(world.owner, workload.intent)
        store.put(kinds.DEPLOYMENT, {**made, "metadata": {**made["metadata"], "resourceVersion": "1"}})
    return store


def put_pod(store: Store, variant: str, number: int, ready: str = "True", **meta: str) -> None:
    status = {"podIP": f"10.0.0.{number}", "conditions": [{"type": "Ready", "status": ready}]}
    labels = names.variant_labels("churn", variant)
    metadata = {"namespace": "team", "name": f"pod-{number}", "labels": labels, "resourceVersion": "1", **meta}
    store.put(kinds.POD, {"metadata": metadata, "status": status})


def test_in_the_shadow_the_ready_pods_of_both_variants_are_asked() -> None:
    world, store, champion, challenger = shadowing()
    put_pod(store, champion, 1)
    put_pod(store, challenger, 2)
    put_pod(store, challenger, 3, ready="False")
    put_pod(store, challenger, 4, deletionTimestamp="2026-01-01T00:00:00Z")
    put_pod(store, "somebody", 5)

    assert list(recorders(store, world.owner)) == [(champion, "10.0.0.1:8080"), (challenger, "10.0.0.2:8080")]


def test_a_server_of_the_users_own_is_not_asked() -> None:
    world, store, champion, challenger = shadowing(image="own:1")
    put_pod(store, champion, 1)
    put_pod(store, challenger, 2)

    assert list(recorders(store, world.owner)) == [(champion, "10.0.0.1:8080")]


def test_of_many_pods_a_few_are_asked() -> None:
    world, store, champion, _ = shadowing()
    for number in range(30):
        put_pod(store, champion, number)

    assert len(list(recorders(store, world.owner))) == RECORDERS


def test_outside_of_a_shadow_nobody_is_asked() -> None:
    world, _, champion, _ = shadowing()
    world.annotations = {names.ABORT: world.newest_trial.challenger.variant}
    world.run(30, until="Idle")
    store = stored(world)
    put_pod(store, champion, 1)

    assert list(recorders(store, world.owner)) == []
    assert list(recorders(Store(), world.owner)) == []


def ask(status: int, body: str, headers: Mapping[str, str] | None = None) -> Any:
    """What is made of a server that answers so."""

    async def respond(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, text=body, content_type="application/json", headers=headers)

    async def asked() -> Any:
        runner = web.ServerRunner(web.Server(respond))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            async with aiohttp.ClientSession() as session:
                return await recording(session, "{}:{}".format(*runner.addresses[0]))
        finally:
            await runner.cleanup()

    return asyncio.run(asked())


def test_answers_are_read_as_they_were_told() -> None:
    told = ask(200, '{"process": "p", "answers": [[7, "00ff", 1.5, 503, 0.02]]}')

    assert (told.process, [answer.number for answer in told.answers]) == ("p", [7])
    assert (told.answers[0].request, told.answers[0].age, told.answers[0].status) == ("00ff", 1.5, 503)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, '{"process": "p", "answers": []}'),
        (200, "<html>"),
        (200, '{"process": "p"}'),
        (200, '{"process": "p", "answers": "' + "x" * MOST_BYTES + '"}'),
    ],
    ids=["another server", "no JSON", "no answers", "too long"],
)
def test_what_cannot_be_read_is_silence(status: int, body: str) -> None:
    with pytest.raises(Silent, match="told nothing of its answers"):
        ask(status, body)


def test_a_server_that_sends_us_elsewhere_is_not_followed() -> None:
    with pytest.raises(Silent):
        ask(302, "", {"location": "http://127.0.0.1:1/"})


@pytest.mark.parametrize(("guardrails", "judged"), [([ERRORS, SLOW], True), ([ERRORS], False)])
def test_how_long_answers_took_is_asked_while_a_trial_judges_it(guardrails: list[dict[str, Any]], judged: bool) -> None:
    world = World()
    world.apply("1")
    world.run(30, until="Idle")
    before = judges_times(stored(world), world.owner)
    world.apply("2", guardrails=guardrails)
    world.run(30, until="Shifting")

    assert not before
    assert judges_times(stored(world), world.owner) == judged
