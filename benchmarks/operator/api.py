"""The cluster's API server, asked by many at once: kubectl would take longer to apply than an operator to act."""

import asyncio
import base64
import json
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.cluster import Cluster

AT_ONCE = 16  # requests of ours under way
NAMES_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
LINE = 1 << 24  # bytes of the longest watch event

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Api:
    """The API server, as the cluster's administrator."""

    session: aiohttp.ClientSession
    server: str

    async def create(self, path: str, body: Json) -> None:
        """Raises aiohttp.ClientResponseError, as all here."""
        await self._call("POST", path, json=body)

    async def patch(self, path: str, body: Json) -> None:
        """By a merge patch."""
        headers = {"Content-Type": "application/merge-patch+json"}
        await self._call("PATCH", path, data=json.dumps(body), headers=headers)

    async def delete_all(self, path: str, selector: str) -> None:
        """What is selected of a collection, and in the background what it owns."""
        await self._call("DELETE", path, params={"labelSelector": selector}, json={"propagationPolicy": "Background"})

    async def any(self, path: str, selector: str) -> bool:
        """Whether anything is selected of a collection."""
        found = await self._call("GET", path, params={"labelSelector": selector, "limit": "1"})
        return bool(found["items"])

    async def watch(self, path: str, selector: str = "", *, names_only: bool = False) -> AsyncIterator[Json]:
        """Every object that is there, as added, and then every event, until the caller goes away."""
        headers = {"Accept": NAMES_ONLY if names_only else "application/json"}
        asked, never = {"watch": "true", "labelSelector": selector}, aiohttp.ClientTimeout(total=None)
        async with self.session.get(f"{self.server}{path}", params=asked, headers=headers, timeout=never) as answer:
            answer.raise_for_status()
            async for line in answer.content:
                yield json.loads(line)

    async def _call(self, method: str, path: str, **more: Any) -> Any:
        async with self.session.request(method, f"{self.server}{path}", **more) as answer:
            answer.raise_for_status()
            return await answer.json()


@asynccontextmanager
async def administrator(cluster: Cluster) -> AsyncIterator[Api]:
    """The API server, for as long as the block runs."""
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    server, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    connector = aiohttp.TCPConnector(ssl=_credentials(server, user), limit=0)
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, read_bufsize=LINE) as session:
        yield Api(session, server["server"])


async def at_once(work: Iterable[Callable[[], Coroutine[Any, Any, None]]]) -> None:
    """Does all of it, a few at a time."""
    waiting = iter(work)

    async def some() -> None:
        for each in waiting:
            await each()

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(some())


def _credentials(server: Mapping[str, str], user: Mapping[str, str]) -> ssl.SSLContext:
    authority = base64.b64decode(server["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    with tempfile.TemporaryDirectory() as folder:
        pair = Path(folder) / "pair.pem"
        pair.write_bytes(b"\n".join(base64.b64decode(user[f"client-{part}-data"]) for part in ("certificate", "key")))
        context.load_cert_chain(pair)
    return context
