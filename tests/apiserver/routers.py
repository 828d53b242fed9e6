"""The router's pods, played: each has taken the newest configuration at once, and tells so in Envoy's words."""

import json
import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from contender import names
from contender.cluster.kinds import CONFIGMAP, POD
from contender.manifests.routes.envoy import ROUTE_TABLE
from tests.apiserver.user import User

PODS = {"router-a": "192.0.2.1", "router-b": "192.0.2.2"}
NOBODY_SCHEDULES = "nobody"


@dataclass
class Routers:
    user: User

    async def begin(self) -> None:
        """Two ready pods that no scheduler and no kubelet knows."""
        for name, address in PODS.items():
            await self.user.creates(_pod(name))
            await self.user.edits(POD, name, {"status": _ready(address)}, "status")

    @asynccontextmanager
    async def session(self) -> AsyncIterator[aiohttp.ClientSession]:
        """A session in which every address leads here: by a socket in the file system, so that no port is taken."""
        runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=0.1)
        await runner.setup()
        with tempfile.TemporaryDirectory() as folder:
            socket = str(Path(folder) / "router")
            try:
                await web.UnixSite(runner, socket).start()
                async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(socket)) as session:
                    yield session
            finally:
                await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        found = await self.user.finds(CONFIGMAP, names.ROUTER)
        lines = _statistics(found["data"]) if found else []
        wanted = re.compile(request.query["filter"])
        return web.Response(text="".join(f"{line}\n" for name, line in lines if wanted.match(name)))


def _statistics(files: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Envoy's own name of each counter, and its line."""
    yield "server.uptime", "envoy_server_uptime{} 60"
    yield "server.concurrency", "envoy_server_concurrency{} 1"
    version = json.loads(files["rds.json"])["version_info"]
    told = f'envoy_http_rds_version_text{{text_value="{version}"}} 0'
    yield f"http.any.rds.{ROUTE_TABLE}.version_text", told
    for listener in json.loads(files["lds.json"])["resources"]:
        name = f"listener.{listener['stat_prefix']}.worker_0.downstream_cx_active"
        yield name, 'envoy_listener_worker_downstream_cx_active{envoy_worker_id="0"} 0'
    for cluster in json.loads(files["cds.json"])["resources"]:
        label = f'{{envoy_cluster_name="{cluster["name"]}"}}'
        yield f"cluster.{cluster['name']}.membership_total", f"envoy_cluster_membership_total{label} 1"


def _pod(name: str) -> dict[str, Any]:
    metadata = {"name": name, "labels": names.router_labels()}
    spec = {"schedulerName": NOBODY_SCHEDULES, "containers": [{"name": "envoy", "image": "played"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _ready(address: str) -> dict[str, Any]:
    ready = {"type": "Ready", "status": "True"}
    return {"podIP": address, "podIPs": [{"ip": address}], "conditions": [ready]}
