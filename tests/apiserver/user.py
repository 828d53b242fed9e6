"""What people and their tools do with objects, whatever the operator thinks of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from contender import names
from contender.cluster.kinds import BY_NAME, CONFIGMAP, EVENT, MODELDEPLOYMENT, SERVICE, TRIAL, WATCHED, Kind

Object = dict[str, Any]

MERGE = {"Content-Type": "application/merge-patch+json"}
NAME = "churn"
RUNTIME = {"port": 8080}
KUBERNETES_OWN = "kube-root-ca.crt"  # a ConfigMap that comes back by itself, at a moment of its own, when it is deleted
ONLY_OURS = (MODELDEPLOYMENT, TRIAL, SERVICE, CONFIGMAP)  # kinds of which no controller of Kubernetes writes a status


def model(version: str) -> dict[str, str]:
    return {"uri": f"https://store.example/{version}/", "version": version, "digest": f"sha256:{version:0>64}"}


def variant(version: str) -> str:
    """The hash of the variant that serves this model in our own image."""
    return names.variant_hash(model(version), RUNTIME)


def modeldeployment(version: str, name: str = NAME) -> Object:
    """One pod for each variant, and no node that would take it: no kubelet acts here."""
    spec = {
        "model": model(version),
        "runtime": RUNTIME,
        "scheduling": {"nodeSelector": {"node": "none"}},
        "autoscaling": {"minReplicas": 1, "maxReplicas": 10},
    }
    return {"apiVersion": names.API_VERSION, "kind": "ModelDeployment", "metadata": {"name": name}, "spec": spec}


@dataclass
class User:
    api_server: aiohttp.ClientSession
    namespace: str

    async def creates(self, manifest: Mapping[str, Any]) -> Object:
        return await self._asks("POST", BY_NAME[manifest["kind"]].path(self.namespace), json=manifest)

    async def edits(self, kind: Kind, name: str, patch: Mapping[str, Any], part: str | None = None) -> Object:
        """`patch` is a JSON merge patch: null takes a field away."""
        path = kind.path(self.namespace, name, part)
        return await self._asks("PATCH", path, json=patch, headers=MERGE, params={"fieldManager": "kubectl-edit"})

    async def applies(self, version: str, name: str = NAME) -> None:
        """`kubectl apply` of the ModelDeployment with this version of the model."""
        if await self.finds(MODELDEPLOYMENT, name) is None:
            await self.creates(modeldeployment(version, name))
        else:
            await self.edits(MODELDEPLOYMENT, name, {"spec": {"model": model(version)}})

    async def deletes(self, kind: Kind, name: str) -> None:
        await self._asks("DELETE", kind.path(self.namespace, name))

    async def deletes_all(self, *kinds: Kind) -> None:
        """Whatever there is of these kinds, but for what has nothing to do with Contender."""
        for kind in kinds:
            await self._asks("DELETE", kind.path(self.namespace), params={"labelSelector": kind.selector})

    async def clears_up(self) -> None:
        """Whatever a test may have made."""
        made = {"gracePeriodSeconds": "0", "fieldSelector": f"metadata.name!={KUBERNETES_OWN}"}
        for kind in (*WATCHED, EVENT):
            await self._asks("DELETE", kind.path(self.namespace), params=made)

    async def gets(self, kind: Kind, name: str) -> Object:
        return await self._asks("GET", kind.path(self.namespace, name))

    async def finds(self, kind: Kind, name: str) -> Object | None:
        """None when nothing of that name is there."""
        return next((raw for raw in await self.lists(kind) if raw["metadata"]["name"] == name), None)

    async def lists(self, kind: Kind) -> list[Object]:
        """All objects of a kind, with Contender's label or without."""
        found: list[Object] = (await self._asks("GET", kind.path(self.namespace)))["items"]
        return found

    async def status(self, name: str = NAME) -> Object:
        return dict((await self.gets(MODELDEPLOYMENT, name)).get("status", {}))

    async def condition(self, kind: str) -> Object | None:
        found: list[Object] = (await self.status()).get("conditions", [])
        return next((condition for condition in found if condition["type"] == kind), None)

    async def events(self, reason: str) -> list[str]:
        """The messages of all Events that give this reason."""
        return [event["message"] for event in await self.lists(EVENT) if event["reason"] == reason]

    async def versions(self) -> dict[str, str]:
        """The version of every object that only the operator and its users write."""
        return {
            f"{kind.name} {raw['metadata']['name']}": raw["metadata"]["resourceVersion"]
            for kind in ONLY_OURS
            for raw in await self.lists(kind)
        }

    async def _asks(self, method: str, path: str, **more: Any) -> Object:
        async with self.api_server.request(method, path, **more) as answer:
            said: Object = await answer.json()
            assert answer.status < 300, f"{method} {path}: {said}"
            return said
