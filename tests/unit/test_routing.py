"""The one writer of a namespace's router, with many ModelDeployments that want something of it at once."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from contender import names
from contender.cluster import kinds
from contender.cluster.client import Client
from contender.cluster.errors import Transient
from contender.cluster.routing import RouterSettings, Routing, Touched
from contender.cluster.store import Store
from contender.cluster.turns import Turns
from contender.cluster.writer import Writer
from contender.manifests.routes.envoy import configmap_data, parse_blocks
from contender.observation import Block, Route

MANY = 20
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Answering:
    """A client whose every write is done a moment later, and counted."""

    asked: Counter[str] = field(default_factory=Counter)
    version: int = 100
    seconds: float = 0.0  # that a write takes

    async def get(self, *_: Any) -> None:
        self.asked["get"] += 1

    async def apply(self, manifest: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        return await self._written("apply", manifest)

    async def create(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        return await self._written("create", manifest)

    async def replace(self, manifest: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        return await self._written("replace", manifest)

    async def annotate(self, _kind: object, _namespace: str, name: str, _annotations: object) -> None:
        self.asked[f"annotate {name}"] += 1
        await asyncio.sleep(0)

    async def _written(self, verb: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
        self.asked[verb] += 1
        self.version += 1
        await asyncio.sleep(self.seconds)
        return {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": str(self.version)}}


@dataclass
class Scene:
    store: Store
    client: Answering
    routing: Routing

    def blocks(self) -> dict[str, Block]:
        written = self.store.get(kinds.CONFIGMAP, "team", names.ROUTER)
        return parse_blocks(written["data"]) if written else {}


@pytest.fixture
def scene() -> Scene:
    store, client = Store(), Answering()
    for number in range(MANY):
        meta = {"name": f"m-{number}", "namespace": "team", "uid": f"uid-{number}", "resourceVersion": "1"}
        store.put(kinds.MODELDEPLOYMENT, {"metadata": meta, "spec": {}})
    writer = Writer(cast(Client, client), store)
    settings = RouterSettings("envoy:1", 2, {})
    return Scene(store, client, Routing(cast(Client, client), store, writer, settings, Turns()))


def block(number: int, share: int = 0) -> Block:
    route = Route("aaaaaaaa", "bbbbbbbb", share) if share else Route("aaaaaaaa")
    return Block(10_000 + number, route, ("aaaaaaaa",), 30.0, {"aaaaaaaa": 8080})


async def test_blocks_that_wait_for_their_turn_are_written_in_one_write(scene: Scene) -> None:
    await asyncio.gather(*(scene.routing.write("team", f"m-{n}", None, block(n)) for n in range(MANY)))

    assert scene.blocks() == {f"m-{n}": block(n) for n in range(MANY)}
    assert scene.client.asked["create"] + scene.client.asked["replace"] <= 2


async def test_what_comes_while_the_router_rests_from_a_write_goes_into_the_next(scene: Scene) -> None:
    scene.client.seconds = 0.05
    await scene.routing.write("team", "m-0", None, block(0))
    async with asyncio.TaskGroup() as group:
        for n in range(1, MANY):
            group.create_task(scene.routing.write("team", f"m-{n}", None, block(n)))
            await asyncio.sleep(0)

    assert scene.blocks() == {f"m-{n}": block(n) for n in range(MANY)}
    assert scene.client.asked["replace"] == 1


async def test_whoever_decided_on_another_block_is_told_and_disturbs_nobody(scene: Scene) -> None:
    await scene.routing.write("team", "m-0", None, block(0))

    told = await asyncio.gather(
        scene.routing.write("team", "m-1", None, block(1)),
        scene.routing.write("team", "m-0", None, block(0, share=5)),  # decided on what is no longer so
        scene.routing.write("team", "m-2", None, replace(block(2), port=block(1).port)),
        scene.routing.write("team", "m-3", None, block(3)),
        return_exceptions=True,
    )

    assert [type(each) for each in told] == [type(None), Transient, Transient, type(None)]
    assert scene.blocks() == {f"m-{n}": block(n) for n in (0, 1, 3)}


async def test_a_router_that_stands_is_rendered_again_only_when_something_of_it_changed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = Counter[str]()

    def counted(namespace: str, blocks: Mapping[str, Block]) -> dict[str, str]:
        rendered[namespace] += 1
        return configmap_data(namespace, blocks)

    monkeypatch.setattr("contender.cluster.routing.configmap_data", counted)
    await scene.routing.ensure("team")
    await asyncio.gather(*(scene.routing.ensure("team") for _ in range(MANY)))
    at_rest = rendered["team"]
    edited = {**(scene.store.get(kinds.PDB, "team", names.ROUTER) or {}), "spec": {"maxUnavailable": 2}}
    edited["metadata"] = {**edited["metadata"], "resourceVersion": "1000"}
    scene.store.put(kinds.PDB, edited)
    undone = await scene.routing.ensure("team")

    assert at_rest == 1
    assert [each["kind"] for each in undone] == ["PodDisruptionBudget"]


async def test_a_router_pod_is_touched_once_for_all_that_want_it_and_again_for_another_configuration(
    scene: Scene,
) -> None:
    async def all_want_it() -> int:
        await asyncio.gather(*(scene.routing.refresh("team", ("router-a",), NOW) for _ in range(MANY)))
        return scene.client.asked["annotate router-a"]

    first = await all_want_it()
    await scene.routing.write("team", "m-0", None, block(0))
    other_configuration = await all_want_it()

    assert (first, other_configuration) == (1, 2)


def test_a_pod_that_does_not_hear_is_touched_ever_more_seldom() -> None:
    touched = Touched()
    moments = [tenth / 10 for tenth in range(300) if touched.due(["router-a"], tenth / 10)]

    assert moments == [0, 1, 3, 7, 15, 23]
