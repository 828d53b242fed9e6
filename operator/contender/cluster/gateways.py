"""The cluster's own Gateways, as far as ModelDeployments name them: nothing is asked while none does.

Their API may be installed after the operator, or never; so HTTPRoutes are followed from the first ModelDeployment on
that wants one, and looked for again and again until their API is there.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

from contender.api import ModelDeployment
from contender.cluster import kinds
from contender.cluster.client import Client, Missing
from contender.cluster.errors import Refused, Transient
from contender.cluster.kinds import Object
from contender.cluster.store import Store, is_owned
from contender.manifests.routes.gateway import hostnames, parents
from contender.observation import Problem

FORBIDDEN = Problem(
    "GatewayForbidden", "the operator may not read HTTPRoutes: upgrade its chart with gateway.enabled=true"
)
NO_API = Problem(
    "GatewayApiMissing",
    "the cluster has no HTTPRoutes: install the Gateway API and a Gateway, or make a ModelDeployment that names none",
)


class Gateways:
    def __init__(self, client: Client, store: Store) -> None:
        self._client = client
        self._store = store
        self._wanted = asyncio.Event()
        self._problems: dict[str | None, Problem | None] = {}  # by what is followed; None: HTTPRoutes are known

    async def follow(self, namespace: str | None) -> AsyncIterator[Object | None]:
        """Once somebody wants a Gateway: None when all HTTPRoutes were read, then the events until the watch ends.

        Raises Transient or Refused when there is no watching them.
        """
        while not any(self.users(namespace)):
            self._problems.pop(namespace, None)
            self._wanted.clear()
            await self._wanted.wait()
        try:
            objects, version = await self._client.list(kinds.HTTPROUTE, namespace)
        except (Missing, Refused) as error:
            self._problems[namespace] = FORBIDDEN if isinstance(error, Refused) else NO_API
            self._store.forget(kinds.HTTPROUTE, namespace)
            yield None
            raise
        self._store.refill(kinds.HTTPROUTE, namespace, objects, version)
        self._problems[namespace] = None
        yield None
        async for event in self._client.watch(kinds.HTTPROUTE, namespace, version):
            if event["type"] == "ERROR":
                return
            yield event

    def users(self, namespace: str | None) -> Iterator[tuple[str, str]]:
        """Namespace and name of every ModelDeployment that names a Gateway."""
        for home, name in self._store.names(kinds.MODELDEPLOYMENT):
            raw = self._store.get(kinds.MODELDEPLOYMENT, home, name)
            if namespace in (None, home) and raw is not None and names_gateway(raw):
                yield home, name

    def route(self, owner: ModelDeployment) -> Object | None:
        """The ModelDeployment's HTTPRoute, as the watch told of it. Raises Transient before anything is known."""
        self._wanted.set()
        if not {None, owner.namespace} & self._problems.keys():
            raise Transient("the HTTPRoutes were not read yet")
        raw = self._store.get(kinds.HTTPROUTE, owner.namespace, owner.name)
        return raw if raw is not None and is_owned(raw, owner.uid) else None

    async def gateway(self, owner: ModelDeployment, readable: str) -> Object | Problem:
        """The first Gateway that the ModelDeployment names, if all are there and their controller is `readable`."""
        if problem := self._problems.get(owner.namespace, self._problems.get(None)):
            return problem
        found = [await self._one(parent["namespace"], parent["name"], readable) for parent in parents(owner)]
        return next((each for each in found if isinstance(each, Problem)), found[0])

    async def proxies(self, namespace: str, selector: str) -> Sequence[Object]:
        """The pods of a Gateway."""
        pods, _ = await self._client.list(kinds.POD, namespace, selector)
        return pods

    def claimed(self, owner: ModelDeployment) -> dict[str, str]:
        """The owner's hostnames that another's HTTPRoute has on one of the same Gateways, and whose that is."""
        ours = self._store.get(kinds.HTTPROUTE, owner.namespace, owner.name)
        wanted = {(parent["namespace"], parent["name"]) for parent in parents(owner)}
        return {
            host: f"{raw['metadata']['namespace']}/{raw['metadata']['name']}"
            for raw in self._others(owner)
            if wanted & {(each.get("namespace"), each["name"]) for each in raw["spec"].get("parentRefs", ())}
            for host in set(hostnames(owner)) & set(raw["spec"].get("hostnames", ()))
            if ours is None or host not in ours["spec"].get("hostnames", ()) or _age(raw) < _age(ours)
        }

    def _others(self, owner: ModelDeployment) -> Iterator[Object]:
        for namespace, name in self._store.names(kinds.HTTPROUTE):
            raw = self._store.get(kinds.HTTPROUTE, namespace, name)
            if raw is not None and (namespace, name) != (owner.namespace, owner.name):
                yield raw

    async def _one(self, namespace: str, name: str, readable: str) -> Object | Problem:
        gateway = await self._client.get(kinds.GATEWAY, namespace, name)
        if gateway is None:
            return Problem("GatewayMissing", f"there is no Gateway {namespace}/{name}: make it, or name another one")
        wanted = gateway["spec"]["gatewayClassName"]
        found = await self._client.get(kinds.GATEWAYCLASS, None, wanted)
        controller = found["spec"]["controllerName"] if found else None
        if controller == readable:
            return gateway
        return Problem(
            "GatewayUnreadable",
            f"Gateway {namespace}/{name} is of class {wanted} by {controller or 'nobody'}, whose counters Contender "
            f"cannot read: name a Gateway of {readable}, or make a ModelDeployment that names none",
        )


def names_gateway(raw: Object) -> bool:
    """Whether a Gateway splits the ModelDeployment's traffic."""
    return "gateway" in raw["spec"].get("traffic", ())


def _age(raw: Object) -> tuple[str, str, str]:
    """By which a Gateway, too, decides between two that want the same: the oldest wins."""
    meta = raw["metadata"]
    return meta["creationTimestamp"], meta["namespace"], meta["name"]
