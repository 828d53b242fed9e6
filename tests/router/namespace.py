"""A namespace on loopback: its router, and the ModelDeployments in it, as their clients and the operator meet them."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from contender.manifests.routes.envoy import configmap_data
from contender.names import PIN_HEADER
from contender.observation import Block, Route, RouterPod
from tests.router.names import Names
from tests.router.pods import DNS_PORT, MODEL_PORT, ModelPod, Respond, RouterProcess, addresses, eventually, seen, well

NAMESPACE = "team-a"
TIMEOUT = 60.0  # seconds that a model may take


@asynccontextmanager
async def namespace_on_loopback(folder: Path, changes: Mapping[str, str] | None = None) -> AsyncIterator["Namespace"]:
    """A namespace without ModelDeployments, whose router runs. `changes` are texts to replace in what is rendered."""
    names, dns = Names(), next(addresses)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: names, local_addr=(dns, DNS_PORT))
    async with aiohttp.ClientSession() as session:
        namespace = Namespace(RouterProcess(folder, dns, changes or {}), names, session)
        namespace.publish()
        await namespace.router.start()
        try:
            yield namespace
        finally:
            await namespace.stop()
            transport.close()


@dataclass
class Namespace:
    """A namespace of a cluster with one router pod. What is in `blocks` is what the ConfigMap holds."""

    router: RouterProcess
    names: Names
    session: aiohttp.ClientSession
    blocks: dict[str, Block] = field(default_factory=dict)
    pods: list[ModelPod] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def publish(self) -> None:
        self.router.publish(configmap_data(NAMESPACE, self.blocks))

    def deployment(self) -> "Deployment":
        number = next(self.numbers)
        return Deployment(self, f"model-{number}", 10_000 + number)

    async def stop(self) -> None:
        await self.router.stop()
        for pod in self.pods:
            await pod.stop()


@dataclass
class Deployment:
    """One ModelDeployment, as its clients and the operator meet it."""

    namespace: Namespace
    name: str
    port: int

    async def variant(self, variant: str, respond: Respond = well, pods: int = 1) -> list[ModelPod]:
        """Starts a variant's pods and gives them their name."""
        made = [ModelPod(respond) for _ in range(pods)]
        for pod in made:
            await pod.start()
        self.namespace.pods += made
        self.resolve(variant, *made)
        return made

    def resolve(self, variant: str, *pods: ModelPod) -> None:
        name = f"{self.name}-{variant}.{NAMESPACE}.svc.cluster.local"
        self.namespace.names.hosts[name] = [pod.address for pod in pods]

    def write(
        self,
        route: Route,
        *clusters: str,
        seconds: float = TIMEOUT,
        sticky: Mapping[str, str] | None = None,
        shadows: tuple[str, ...] = (),
    ) -> None:
        """Writes the block; the router takes it when it does."""
        block = Block(self.port, route, clusters, seconds, dict.fromkeys(clusters, MODEL_PORT), sticky, shadows)
        self.namespace.blocks[self.name] = block
        self.namespace.publish()

    async def route(
        self,
        route: Route,
        *clusters: str,
        seconds: float = TIMEOUT,
        sticky: Mapping[str, str] | None = None,
        shadows: tuple[str, ...] = (),
    ) -> RouterPod:
        """Writes the block, and waits until it is live."""
        self.write(route, *clusters, seconds=seconds, sticky=sticky, shadows=shadows)
        return await self.until(
            lambda pod: (
                pod.listening
                and pod.route == route
                and pod.clusters == frozenset(clusters)
                and set(pod.shadows) == set(shadows)
            )
        )

    async def until(self, enough: Callable[[RouterPod], bool]) -> RouterPod:
        """What the operator reads, once it is enough."""

        async def look() -> RouterPod | None:
            return await seen(self.namespace.session, self.namespace.router, self.name)

        pod = await eventually(look, lambda pod: pod is not None and enough(pod))
        assert pod is not None
        return pod

    @property
    def url(self) -> str:
        return f"http://{self.namespace.router.address}:{self.port}"

    async def ask(self, path: str = "/", **headers: str) -> tuple[int, str | None, str]:
        """Status, answering variant and body of one request; a header's `_` is sent as `-`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.namespace.session.post(f"{self.url}{path}", headers=sent, data=b"{}") as answer:
            return answer.status, answer.headers.get(PIN_HEADER), await answer.text()

    async def ask_often(self, times: int) -> list[tuple[int, str | None, str]]:
        return [await self.ask() for _ in range(times)]
