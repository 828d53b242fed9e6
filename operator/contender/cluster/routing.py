"""The one writer of each namespace's router: it puts every ModelDeployment's block into one ConfigMap, in one order."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contender import names
from contender.api import rfc3339
from contender.cluster import kinds
from contender.cluster.client import Client
from contender.cluster.errors import Transient
from contender.cluster.gateways import names_gateway
from contender.cluster.kinds import Kind, Object
from contender.cluster.store import Store
from contender.cluster.turns import Turns
from contender.cluster.writer import Writer, owners_of
from contender.manifests.routes import RouterFull
from contender.manifests.routes.envoy import configmap_data, parse_blocks
from contender.manifests.routes.router import router_objects
from contender.observation import Block


@dataclass(frozen=True, slots=True)
class RouterSettings:
    image: str
    replicas: int
    resources: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wish:
    """A block to be put in the place of another."""

    before: Block | None
    block: Block


@dataclass(slots=True)
class Touched:
    """The router pods that were told of a configuration: when each is told again, and after what pause then."""

    version: str | None = None
    pods: dict[str, tuple[float, float]] = field(default_factory=dict)

    def due(self, pods: Iterable[str], at: float) -> list[str]:
        """Those to be told at a moment, in seconds of a clock that nobody sets; they count as told."""
        found = [pod for pod in pods if at >= self.pods.get(pod, (at, 0.0))[0]]
        for pod in found:
            _, pause = self.pods.get(pod, (at, FIRST_PAUSE))
            self.pods[pod] = (at + pause, min(2 * pause, LONGEST_PAUSE))
        return found


REST = 4  # times as long as a write took
LONGEST_REST = 2.0  # seconds
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 8.0  # seconds between two touches of a pod

Stamp = tuple[str | None, ...]
STANDS = (
    (kinds.CONFIGMAP, names.ROUTER_BOOTSTRAP),
    (kinds.DEPLOYMENT, names.ROUTER),
    (kinds.PDB, names.ROUTER),
    (kinds.CONFIGMAP, names.ROUTER),
)


class Routing:
    def __init__(self, client: Client, store: Store, writer: Writer, settings: RouterSettings, turns: Turns) -> None:
        self._client = client
        self._store = store
        self._writer = writer
        self._settings = settings
        self._turns = turns
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._last: dict[str, Mapping[str, str]] = {}  # what this process wrote, to tell a hand edit by
        self._rests_until: dict[str, float] = defaultdict(float)  # loop time
        self._wishes: dict[str, dict[str, Wish]] = defaultdict(dict)  # blocks that wait for their turn
        self._settled: dict[str, Stamp] = {}  # what stood when all was as it shall be
        self._touched: dict[str, Touched] = defaultdict(Touched)

    async def ensure(self, namespace: str) -> list[Object]:
        """The router's pods stand, and go with the namespace's last ModelDeployment, operator or no operator.

        The objects of which a hand edit was undone.
        """
        if self._settled.get(namespace) == self._stamp(namespace):
            return []
        async with self._turns.aside(), self._locks[namespace]:
            owners, settings = self._owners(namespace), self._settings
            wanted = router_objects(namespace, owners, settings.image, settings.replicas, settings.resources)
            undone = [manifest for manifest in wanted if await self._writer.apply(manifest)]
            edited = self._last.get(namespace) not in (None, self._written(namespace))
            written = await self._write(namespace, owners, configmap_data(namespace, self._blocks(namespace)))
            self._settled[namespace] = self._stamp(namespace)
            return [*undone, *([written] if written and edited else [])]

    async def write(self, namespace: str, deployment: str, before: Block | None, block: Block | None) -> None:
        """Puts `block` in the place of `before`, in one write with all that wait for theirs.

        Raises Transient when somebody else wrote it meanwhile.
        """
        if block is None or block == before:
            _check(self._blocks(namespace), deployment, before, block)
            return
        wish, waiting = Wish(before, block), self._wishes[namespace]
        waiting[deployment] = wish
        try:
            async with self._turns.aside(), self._locks[namespace]:
                if self._blocks(namespace).get(deployment) != block:  # else it was written along with another's
                    await self._write_with_others(namespace, deployment, wish)
        finally:
            del waiting[deployment]

    async def _write_with_others(self, namespace: str, deployment: str, wish: Wish) -> None:
        """Not before the namespace has rested from its last write: a great configuration is written the less often."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._rests_until[namespace] - loop.time())
        began, blocks = loop.time(), self._blocks(namespace)
        _check(blocks, deployment, wish.before, wish.block)
        await self._write_together(namespace, {**blocks, deployment: wish.block})
        took = loop.time() - began
        self._rests_until[namespace] = loop.time() + min(REST * took, LONGEST_REST)

    async def _write_together(self, namespace: str, blocks: Mapping[str, Block]) -> None:
        """Writes `blocks` with those that wait; alone, when that is more than a ConfigMap holds."""
        together, owners = dict(blocks), self._owners(namespace)
        for name, wish in self._wishes[namespace].items():
            with suppress(Transient):  # whoever waits in vain is told when its own turn comes
                _check(together, name, wish.before, wish.block)
                together[name] = wish.block
        try:
            data = configmap_data(namespace, together)
        except RouterFull:
            data = configmap_data(namespace, blocks)
        await self._write(namespace, owners, data)

    async def refresh(self, namespace: str, pods: Iterable[str], now: datetime) -> None:
        """Touches the pods, which makes their kubelet bring the newest configuration at once.

        Again, and ever more seldom, until they carry it, however many ModelDeployments wait for that: a touch before
        the kubelet has heard of the configuration is in vain.
        """
        version = self._version(kinds.CONFIGMAP, namespace, names.ROUTER)
        if self._touched[namespace].version != version:
            self._touched[namespace] = Touched(version)
        due = self._touched[namespace].due(pods, asyncio.get_running_loop().time())
        touch = {names.REFRESH: rfc3339(now)}
        touched = await asyncio.gather(*(self._client.annotate(kinds.POD, namespace, pod, touch) for pod in due))
        for raw in filter(None, touched):
            self._store.put(kinds.POD, raw)

    def _stamp(self, namespace: str) -> Stamp:
        """What the router of a namespace follows from and stands as: its owners, and the versions of its objects."""
        owners = (owner["uid"] for owner in self._owners(namespace))
        return (*owners, *(self._version(kind, namespace, name) for kind, name in STANDS))

    def _version(self, kind: Kind, namespace: str, name: str) -> str | None:
        raw = self._store.get(kind, namespace, name)
        return None if raw is None else str(raw["metadata"]["resourceVersion"])

    def _owners(self, namespace: str) -> list[dict[str, str]]:
        """The ModelDeployments whose traffic the router splits."""
        everybody = self._store.all(kinds.MODELDEPLOYMENT, namespace)
        return owners_of(raw for raw in everybody if not names_gateway(raw))

    def _blocks(self, namespace: str) -> dict[str, Block]:
        """What is written, without the blocks of ModelDeployments that are gone."""
        there = {reference["name"] for reference in self._owners(namespace)}
        blocks = parse_blocks(self._written(namespace) or {})
        return {name: block for name, block in blocks.items() if name in there}

    def _written(self, namespace: str) -> Mapping[str, str] | None:
        """The configuration's data; None before there is any."""
        raw = self._store.get(kinds.CONFIGMAP, namespace, names.ROUTER)
        return None if raw is None else raw.get("data") or {}

    async def _write(self, namespace: str, owners: list[dict[str, str]], data: Mapping[str, str]) -> Object | None:
        """Only onto the version that was read, so that a stale leader's write is refused; None when all is so."""
        known = self._store.get(kinds.CONFIGMAP, namespace, names.ROUTER)
        if known and known.get("data") == data and _owners(known) == {owner["uid"] for owner in owners}:
            return None
        manifest = _configmap(namespace, owners, data)
        await self._writer.must_be_ours(kinds.CONFIGMAP, manifest, known)
        if known is None:
            written = await self._client.create(manifest)  # refused when there is one that we have not read
        else:
            written = await self._client.replace(manifest, version=known["metadata"]["resourceVersion"])
        self._store.put(kinds.CONFIGMAP, written)
        self._last[namespace] = data
        return written


def _check(blocks: Mapping[str, Block], deployment: str, before: Block | None, block: Block | None) -> None:
    """Raises Transient when `block` can not be put in the place of `before` any more."""
    if blocks.get(deployment) != before:
        raise Transient(f"the router's block of {deployment} is not the one that was decided on")
    port = block and block.port
    if any(known.port == port for name, known in blocks.items() if name != deployment):
        raise Transient(f"port {port} of the router was taken meanwhile")


def _configmap(namespace: str, owners: list[dict[str, str]], data: Mapping[str, str]) -> dict[str, Any]:
    """Wholly ours, so it is replaced and not applied: what is gone from it must not stay as somebody else's."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": names.ROUTER,
            "namespace": namespace,
            "labels": names.router_labels(),
            "ownerReferences": owners,
        },
        "data": data,
    }


def _owners(raw: Mapping[str, Any]) -> set[str]:
    return {reference["uid"] for reference in raw["metadata"].get("ownerReferences", ())}
