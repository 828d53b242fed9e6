"""One contestant with so many models: all of them applied, and then each of them changed."""

import asyncio
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.operator import asked, processes, stage
from benchmarks.operator.api import Api, at_once
from benchmarks.operator.contestants import APPLIED, NAMESPACES, Contestant, Model, models
from benchmarks.operator.processes import Memory
from tests.cluster import Cluster

QUIET = 15.0  # seconds for what was done to be done with, before anything else begins
CHECK = 0.2
REMAINS = ("/apis/apps/v1/replicasets", "/api/v1/pods", "/api/v1/services")

Key = tuple[str, str]  # namespace and name


@dataclass(frozen=True, slots=True)
class Step:
    """What it took to bring all models from one state to the next."""

    done: int  # models
    seconds: float  # until the last of them was
    cpu: dict[str, float]  # seconds of each program that took much
    asked: dict[str, int]  # verb and resource -> requests of the controller


@dataclass(frozen=True, slots=True)
class Run:
    """One contestant, one count."""

    contestant: str
    models: int
    first: Step  # from the first apply until all were ready
    change: Step  # from the first change until all changes were over
    effects: list[float]  # seconds from each change to the first workload made for it, sorted
    memory: Memory  # of the controller, when all was done

    @property
    def effect(self) -> tuple[float, float]:
        """Median and 99th percentile, in seconds; of less than two there is none."""
        if len(self.effects) < 2:
            return math.nan, math.nan
        cuts = statistics.quantiles(self.effects, n=100, method="inclusive")
        return cuts[49], cuts[98]


class Watched:
    """What the API server told of every model, with the time at which it did."""

    def __init__(self, api: Api, contestant: Contestant) -> None:
        self._api = api
        self._contestant = contestant
        self.reached: dict[Key, str] = {}
        self.changed: dict[Key, float] = {}  # when it was asked for
        self.effects: dict[Key, float] = {}  # when something was made for it

    async def objects(self) -> None:
        """Follow the contestant's own objects, for ever."""
        async for event in self._api.watch(f"{self._contestant.group}/{self._contestant.plural}", APPLIED):
            meta = event["object"]["metadata"]
            if (version := self._contestant.reached(event["object"])) is not None:
                self.reached[meta["namespace"], meta["name"]] = version

    async def workloads(self) -> None:
        """Follow what is made for a version, for ever."""
        async for event in self._api.watch(self._contestant.workloads, names_only=True):
            meta = event["object"]["metadata"]
            key = meta["namespace"], meta.get("ownerReferences", [{"name": ""}])[0]["name"]
            if event["type"] == "ADDED" and key in self.changed:
                self.effects.setdefault(key, time.monotonic())

    def count(self, version: str) -> int:
        """Models that have reached a version."""
        return sum(found == version for found in self.reached.values())


async def measure(
    cluster: Cluster, api: Api, contestant: Contestant, count: int, limit: float, tell: Callable[[str], None]
) -> Run:
    """Begins the contestant's process anew, and leaves nothing of the models. `limit` is for each step, in seconds."""
    stage.start(cluster, contestant)
    await asyncio.sleep(QUIET)
    watched, all_of_them = Watched(api, contestant), models(count)
    following = [asyncio.create_task(watched.objects()), asyncio.create_task(watched.workloads())]
    timed = Timed(cluster, contestant, watched, limit, tell)
    try:
        first = await timed("1", all_of_them, partial(_apply, api, contestant))
        await asyncio.sleep(QUIET)
        change = await timed("2", all_of_them, partial(_change, api, contestant, watched))
        memory = processes.memory(cluster, contestant.program)
    finally:
        for task in following:
            task.cancel()
    stage.stop(cluster, contestant)
    tell(f"{contestant.name}, {count}: clearing away")
    await clear(api, contestant)
    effects = sorted(watched.effects[key] - watched.changed[key] for key in watched.effects)
    return Run(contestant.name, count, first, change, effects, memory)


@dataclass(frozen=True, slots=True)
class Timed:
    """Does something to every model, waits for all, and tells what it took."""

    cluster: Cluster
    contestant: Contestant
    watched: Watched
    limit: float
    tell: Callable[[str], None]

    async def __call__(self, version: str, of: list[Model], act: Callable[[Model], Any]) -> Step:
        cpu, began, since = processes.cpu(self.cluster), time.monotonic(), asked.now()
        acting = asyncio.create_task(at_once(partial(act, model) for model in of))
        ended = await self._all_reach(version, len(of), began)
        await acting
        after = processes.cpu(self.cluster)
        taken = {name: spent for name in after if (spent := round(after[name] - cpu.get(name, 0.0), 2)) >= 0.5}
        return Step(
            done=self.watched.count(version),
            seconds=ended - began,
            cpu=dict(sorted(taken.items(), key=lambda each: -each[1])),
            asked=asked.between(self.cluster, self.contestant.account, since, asked.now()),
        )

    async def _all_reach(self, version: str, count: int, began: float) -> float:
        """When they had, or when the limit was over."""
        while (done := self.watched.count(version)) < count and time.monotonic() < began + self.limit:
            self.tell(
                f"{self.contestant.name}, {count}: version {version} of {done} after {time.monotonic() - began:.0f} s"
            )
            await asyncio.sleep(CHECK)
        return time.monotonic()


async def _apply(api: Api, contestant: Contestant, model: Model) -> None:
    for path, manifest in contestant.objects(model):
        await api.create(path, manifest)


async def _change(api: Api, contestant: Contestant, watched: Watched, model: Model) -> None:
    watched.changed[model.namespace, model.name] = time.monotonic()
    await api.patch(
        f"{contestant.group}/namespaces/{model.namespace}/{contestant.plural}/{model.name}", contestant.change()
    )


async def clear(api: Api, contestant: Contestant) -> None:
    """Deletes what was applied, and waits until nothing is left of it."""
    for home in NAMESPACES:
        for path in contestant.collections:
            await api.delete_all(path.format(home), APPLIED)
    for path in REMAINS:
        while await api.any(path, contestant.remains):  # noqa: ASYNC110 - it is the API server that is waited for
            await asyncio.sleep(1)
