"""Operator processes, in this process: the real code, made to look and to act when a test says so."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from contender.cluster import kinds
from contender.cluster.client import Client
from contender.cluster.errors import Transient
from contender.cluster.gateways import Gateways
from contender.cluster.kinds import Kind
from contender.cluster.ledger import Ledgers
from contender.cluster.routing import RouterSettings, Routing
from contender.cluster.store import Store
from contender.cluster.turns import Turns
from contender.cluster.writer import Writer
from contender.manifests.ledger import LedgerSettings, Storage
from contender.measure.ledger import Ledger
from contender.plan import IDLE_SECONDS
from contender.planes import ClusterGateway, EmbeddedRouter, Planes
from contender.reconcile import World, reconcile
from tests.apiserver.user import NAME, Object, User

ENOUGH = 200  # reconciles: only a failure needs so many
NO_PODS = RouterSettings("router:1", 0, {})  # the test's own take their place
LEDGER = LedgerSettings("operator:1", 1, Storage("1Gi", ""), "", 7_776_000, {})


class StoreOfReadyVariants(Store):
    """What the watches told, except that every pod of a Deployment is ready: no kubelet acts here."""

    def put(self, kind: Kind, raw: Mapping[str, Any]) -> bool:
        return super().put(kind, _with_ready_pods(raw) if kind is kinds.DEPLOYMENT else raw)


def _with_ready_pods(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**raw, "status": {**raw.get("status", {}), "readyReplicas": raw["spec"]["replicas"]}}


@dataclass
class Operator:
    """One process. `watching` fills its store, `acting` is all that it does beyond."""

    watching: Client
    acting: Client
    routers: aiohttp.ClientSession
    user: User

    def __post_init__(self) -> None:
        store = StoreOfReadyVariants()
        writer = Writer(self.acting, store)
        turns = Turns()
        routing = Routing(self.acting, store, writer, NO_PODS, turns)
        planes = Planes(
            EmbeddedRouter(store, routing, self.routers),
            ClusterGateway(Gateways(self.acting, store), writer, self.routers, "proxies"),
        )
        ledgers = Ledgers(self.acting, store, writer, LEDGER)
        evidence = Ledger(self.routers, ledgers.token)
        self.world = World(self.acting, store, writer, planes, ledgers, self.routers, "serving:1", evidence, turns)

    def another(self) -> "Operator":
        """A process that begins now, and knows nothing."""
        return Operator(self.watching, self.acting, self.routers, self.user)

    async def looks(self) -> None:
        """Takes in all that the watches would have told by now."""
        namespace = self.user.namespace
        lists = await asyncio.gather(*(self.watching.list(kind, namespace) for kind in kinds.WATCHED))
        for kind, (objects, version) in zip(kinds.WATCHED, lists, strict=True):
            self.world.store.refill(kind, namespace, objects, version)

    async def acts(self, name: str = NAME) -> float | None:
        """One reconcile, upon what it has seen last."""
        return await reconcile(self.world, self.user.namespace, name)

    async def works(self, until: Callable[[Object], bool], name: str = NAME) -> None:
        """Looks and acts, again whenever that fails for a while, until the status is as wanted."""
        for _ in range(ENOUGH):
            await self._tries(name)
            if until(await self.user.status(name)):
                return
        raise AssertionError(f"not reached: {await self.user.status(name)}")

    async def settles(self, name: str = NAME) -> None:
        """Looks and acts, again whenever that fails for a while, until it waits for nothing any more."""
        for _ in range(ENOUGH):
            if await self._tries(name) == IDLE_SECONDS:
                return
        raise AssertionError(f"not settled: {await self.user.status(name)}")

    async def _tries(self, name: str) -> float | None:
        await self.looks()
        try:
            return await self.acts(name)
        except Transient:
            return None


def on_trial(status: Object) -> bool:
    return "trial" in status
