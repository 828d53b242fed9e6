"""Writes what a plan asks for, and only what is not so already.

What carries our label and the owner's uid is ours, and applied with force; what does not is never touched.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from contender import names
from contender.cluster import kinds
from contender.cluster.client import Client
from contender.cluster.errors import Refused
from contender.cluster.kinds import Kind, Object
from contender.cluster.store import Store, is_owned
from contender.observation import Problem

Key = tuple[str, str, str]

ATOMIC = frozenset({"selector", "nodeSelector"})  # maps that server-side apply gives to one manager, whole


class Writer:
    def __init__(self, client: Client, store: Store) -> None:
        self._client = client
        self._store = store
        self._applied: dict[Key, tuple[str, str]] = {}  # what was sent, and what the API server made of it

    async def apply(self, manifest: Object, *, exactly: bool = False) -> bool:
        """True when a hand edit was undone: what stands there is again what stood there before the edit.

        `exactly` writes only onto the very version that is known here, so that a stale leader's write fails. Raises
        Refused when an object that is not ours has the name.
        """
        kind, meta = kinds.BY_NAME[manifest["kind"]], manifest["metadata"]
        key = (kind.name, meta["namespace"], meta["name"])
        known = self._store.get(kind, meta["namespace"], meta["name"])
        sent, before = _digest(manifest), self._applied.get(key)
        if known is not None and before == (sent, _digest(projection(manifest, known))):
            return False
        await self.must_be_ours(kind, manifest, known)
        version = known["metadata"]["resourceVersion"] if known and exactly else None
        result = await self._client.apply(manifest, version=version)
        self._store.put(kind, result)
        self._applied[key] = (sent, _digest(projection(manifest, result)))
        return known is not None and before == self._applied[key]

    async def prune(self, kind: Kind, namespace: str, name: str, owner: str) -> None:
        """Deletes the object, if it is there and belongs to the owner with that uid."""
        known = self._store.get(kind, namespace, name)
        if known is not None and is_owned(known, owner):
            await self._client.delete(kind, namespace, name, known["metadata"]["uid"])
            self._applied.pop((kind.name, namespace, name), None)

    async def must_be_ours(self, kind: Kind, manifest: Object, known: Object | None) -> None:
        """Raises Refused when somebody else's object stands where the manifest's would."""
        meta = manifest["metadata"]
        standing = known or await self._client.get(kind, meta["namespace"], meta["name"])
        owners = [owner["uid"] for owner in meta["ownerReferences"]]
        if standing is not None and not any(is_owned(standing, owner) for owner in owners):
            raise Refused(_taken(kind, meta["name"]))


def projection(wanted: Any, seen: Any) -> Any:
    """What `seen` says where `wanted` speaks. A list's length is part of it, and all of an atomic map."""
    if isinstance(wanted, Mapping) and isinstance(seen, Mapping):
        return {
            key: seen.get(key) if key in ATOMIC else projection(value, seen.get(key)) for key, value in wanted.items()
        }
    if isinstance(wanted, list | tuple) and isinstance(seen, list | tuple):
        return [len(seen), *(projection(ours, theirs) for ours, theirs in zip(wanted, seen, strict=False))]
    return seen


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _taken(kind: Kind, name: str) -> Problem:
    said = f"{kind.name} {name} is not Contender's: delete it, or give the ModelDeployment another name"
    return Problem("NameTaken", said)


def owners_of(deployments: Iterable[Object]) -> list[dict[str, str]]:
    """ownerReferences to all ModelDeployments of a namespace, none of them the controller."""
    return [
        {
            "apiVersion": names.API_VERSION,
            "kind": "ModelDeployment",
            "name": raw["metadata"]["name"],
            "uid": raw["metadata"]["uid"],
        }
        for raw in sorted(deployments, key=lambda raw: str(raw["metadata"]["name"]))
        if "deletionTimestamp" not in raw["metadata"]
    ]
