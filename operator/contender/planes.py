"""What splits the traffic of a ModelDeployment: its namespace's embedded router, or Gateways of the cluster.

Both do four things: render what is wanted, tell which share is live, tell the counts (in one answer with the share),
and go with their owner, which the ownerReferences see to. `Planes.of` is where the choice between them is made.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import aiohttp

from contender import names
from contender.api import ModelDeployment
from contender.cluster import observe as seeing
from contender.cluster.gateways import Gateways
from contender.cluster.kinds import Object
from contender.cluster.routing import Routing
from contender.cluster.store import Store
from contender.cluster.writer import Writer, projection
from contender.manifests.routes import gateway as route
from contender.measure import Silent, envoy, gateway
from contender.observation import Entry, Observation, Problem, Router, RouterPod
from contender.plan import Plan


@dataclass(frozen=True, slots=True)
class Sight:
    """What splits the traffic, and through what clients come to it."""

    router: Router
    entry: Entry | None


class DataPlane(Protocol):
    """What splits the traffic."""

    async def observe(self, owner: ModelDeployment) -> Sight:
        """What is written, and what every pod says of its live share and its counts."""

    async def carry(self, seen: Observation, plan: Plan) -> Sequence[Object]:
        """Writes the plan's block, and brings it to the pods; the objects of which a hand edit was undone."""

    async def stand(self, seen: Observation) -> Sequence[Object]:
        """Sees that there are pods to carry it; the objects of which a hand edit was undone."""


@dataclass(frozen=True, slots=True)
class EmbeddedRouter:
    """Our own Envoys, which read a ConfigMap."""

    store: Store
    routing: Routing
    session: aiohttp.ClientSession

    async def observe(self, owner: ModelDeployment) -> Sight:
        pods = seeing.router_pods(self.store, owner.namespace)
        question = envoy.Question(owner.name, times=seeing.judges_times(self.store, owner))
        told = await asyncio.gather(*(self._ask(question, pod) for pod in pods))
        heard = [answer for answer in told if isinstance(answer, RouterPod)]
        silent = [answer for answer in told if isinstance(answer, str)]
        return Sight(seeing.router(self.store, owner, heard, silent), seeing.entry(self.store, owner))

    async def carry(self, seen: Observation, plan: Plan) -> Sequence[Object]:
        owner = seen.deployment
        await self.routing.write(owner.namespace, owner.name, seen.router.block, plan.block)
        await self.routing.refresh(owner.namespace, plan.stale_routers, seen.now)
        return ()

    async def stand(self, seen: Observation) -> Sequence[Object]:
        return await self.routing.ensure(seen.deployment.namespace)

    async def _ask(self, question: envoy.Question, pod: Object) -> RouterPod | str:
        """The pod's answer, or its name when it gives none."""
        name, uid, address = pod["metadata"]["name"], pod["metadata"]["uid"], pod["status"]["podIP"]
        try:
            return await envoy.scrape(self.session, address, question, name=name, uid=uid)
        except Silent:
            return str(name)


@dataclass(frozen=True, slots=True)
class ClusterGateway:
    """Gateways of the cluster, told by an HTTPRoute and asked for the counters of their proxies."""

    gateways: Gateways
    writer: Writer
    session: aiohttp.ClientSession
    proxy_namespace: str

    async def observe(self, owner: ModelDeployment) -> Sight:
        raw = self.gateways.route(owner)
        found = await self.gateways.gateway(owner, gateway.CONTROLLER)
        if isinstance(found, Problem):
            written = route.read(raw) if raw else None
            router = Router(written.block if written else None, (), (), frozenset(), unseen=True, problem=found)
            return Sight(router, _entry(raw, owner, None))
        router = await self._router(owner, raw)
        taken = _taken(self.gateways.claimed(owner))
        problem = taken or (route.refusal(raw, owner) if raw else None)
        return Sight(replace(router, problem=problem), _entry(raw, owner, found))

    async def carry(self, seen: Observation, plan: Plan) -> Sequence[Object]:
        """A Gateway that is not there, or that nobody can judge by, is told nothing new but of who serves already."""
        owner, known = seen.deployment, self.gateways.route(seen.deployment)
        hostnames = self._hostnames(owner, known)
        if plan.block is None or not hostnames or (known is None and seen.router.problem):
            return ()
        before = route.read(known) if known else None
        carried = known is not None and route.is_carried(known, owner)
        written = route.following(before, plan.block, seen.router.taken_slots, seen.now, carried=carried)
        manifest = route.httproute(owner, written, hostnames)
        return [manifest] if await self.writer.apply(manifest, exactly=True) else []

    async def stand(self, seen: Observation) -> Sequence[Object]:  # noqa: ARG002  somebody else sees to that
        return ()

    async def _router(self, owner: ModelDeployment, raw: Object | None) -> Router:
        written = route.read(raw) if raw else None
        whole = raw is not None and written is not None and _is_whole(raw, owner.name, written)
        carried = whole and raw is not None and route.is_carried(raw, owner)
        question = gateway.Question(owner.namespace, owner.name, written, carried)
        pods = await self._pods(owner)
        asked = [pod for pod in pods if seeing.takes_clients(pod)]
        told = await asyncio.gather(*(self._ask(question, pod) for pod in asked))
        heard = [answer for answer in told if isinstance(answer, gateway.Proxy)]
        taken = frozenset[int]().union(*(proxy.slots for proxy in heard))
        strangers = taken - frozenset(written.slots.values() if written else ())
        return Router(
            block=written.block if written else None,
            pods=tuple(proxy.pod for proxy in heard),
            silent=tuple(answer for answer in told if isinstance(answer, str)),
            taken_ports=frozenset(),
            unseen=bool(strangers) or any(map(seeing.is_unseen, pods)),
            taken_slots=taken,
        )

    async def _pods(self, owner: ModelDeployment) -> list[Object]:
        """Of each Gateway once, however many of its listeners are named."""
        named = sorted({(parent["namespace"], parent["name"]) for parent in route.parents(owner)})
        found = [await self.gateways.proxies(self.proxy_namespace, gateway.selector(*each)) for each in named]
        return [pod for pods in found for pod in pods]

    async def _ask(self, question: gateway.Question, pod: Object) -> gateway.Proxy | str:
        """The proxy's answer, or its name when it gives none."""
        name, uid, address = pod["metadata"]["name"], pod["metadata"]["uid"], pod["status"]["podIP"]
        try:
            return await gateway.scrape(self.session, address, question, name=name, uid=uid)
        except Silent:
            return str(name)

    def _hostnames(self, owner: ModelDeployment, known: Object | None) -> Sequence[str]:
        """Those that are wanted and nobody else has; while others have all, the ones that are written."""
        claimed = self.gateways.claimed(owner)
        free = [host for host in route.hostnames(owner) if host not in claimed]
        return free or (known["spec"]["hostnames"] if known else [])


@dataclass(frozen=True, slots=True)
class Planes:
    embedded: EmbeddedRouter
    gateway: ClusterGateway

    def of(self, owner: ModelDeployment) -> DataPlane:
        return self.embedded if owner.gateway is None else self.gateway


def _entry(raw: Object | None, owner: ModelDeployment, found: Object | None) -> Entry | None:
    """What a Gateway took once lets clients in."""
    if raw is None or not route.was_taken(raw, owner):
        return None
    champion = (raw["metadata"].get("annotations") or {}).get(names.CHAMPION)
    return Entry(champion, None, route.url(found, owner) if found else owner.status.get("url"))


def _is_whole(raw: Object, name: str, written: route.Written) -> bool:
    """Whether nobody edited the rules by hand: else what the proxies count is not what we think."""
    wanted = route.rules(name, written)
    return bool(projection(wanted, raw["spec"]["rules"]) == projection(wanted, wanted))


def _taken(claimed: dict[str, str]) -> Problem | None:
    if not claimed:
        return None
    told = ", ".join(f"{host} is ModelDeployment {whose}'s" for host, whose in sorted(claimed.items()))
    return Problem("HostnameTaken", f"{told}, on the same Gateway: write another of spec.traffic.gateway.hostnames")
