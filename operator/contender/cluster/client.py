"""The verbs: list, get, apply (server-side), create, annotate, delete, report an event. Everything as plain dicts."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import aiohttp
from kubernetes.aio.client import ApiClient
from kubernetes.aio.client.rest import RESTResponse

from contender import names
from contender.cluster.errors import Refused, Transient
from contender.cluster.kinds import BY_NAME, EVENT, Kind, Object
from contender.observation import Problem

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
TIMEOUT = 10  # seconds for one request
WATCH = 240  # seconds before a watch is begun anew
FORBIDDEN, NOT_FOUND, CONFLICT, UNPROCESSABLE = 403, 404, 409, 422
DENIED = "denied the request"  # by an admission webhook, which may give any code with it
MISTYPED = "failed to create typed patch object"  # how server-side apply answers an unknown field: with a 500


class Client:
    """Errors are Transient, or Refused when the API server's answer will stay the same until something changes."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def list(
        self, kind: Kind, namespace: str | None, selector: str | None = None
    ) -> tuple[Sequence[Object], str]:
        """The objects of a kind in one namespace or in all, and the version of that list; by default those watched."""
        chosen = kind.selector if selector is None else selector
        query = [("labelSelector", chosen)] if chosen else []
        found = await self._call("GET", kind.path(namespace), query=query)
        header = {"apiVersion": found["apiVersion"], "kind": kind.name}
        return [{**header, **item} for item in found["items"]], found["metadata"]["resourceVersion"]

    async def watch(self, kind: Kind, namespace: str | None, version: str) -> AsyncIterator[Object]:
        """The watch events since that version, until the API server ends it."""
        query = [("watch", "true"), ("resourceVersion", version), ("timeoutSeconds", str(WATCH))]
        query += [("labelSelector", kind.selector)] if kind.selector else []
        path = kind.path(namespace)
        response = await self._send("GET", path, query, timeout=WATCH + TIMEOUT)
        try:
            async for line in response.response.content:
                yield json.loads(line)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Transient(f"the API server ended the watch of {path}: {error!r}") from error
        finally:
            response.response.close()

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        """Whatever stands there, ours or not; None when nothing does."""
        try:
            found: Object = await self._call("GET", kind.path(namespace, name))
            return found
        except Missing:
            return None

    async def apply(self, manifest: Object, *, version: str | None = None, part: str | None = None) -> Object:
        """Server-side apply with force; with `version` only onto that very version of the object, else Transient."""
        kind, meta = BY_NAME[manifest["kind"]], manifest["metadata"]
        body = manifest if version is None else {**manifest, "metadata": {**meta, "resourceVersion": version}}
        query = [("fieldManager", names.FIELD_MANAGER), ("force", "true")]
        path = kind.path(meta["namespace"], meta["name"], part)
        applied: Object = await self._call("PATCH", path, query, body, APPLY)
        return applied

    async def create(self, manifest: Object) -> Object:
        """Fails as AlreadyThere when it is."""
        kind, meta = BY_NAME[manifest["kind"]], manifest["metadata"]
        query = [("fieldManager", names.FIELD_MANAGER)]
        created: Object = await self._call("POST", kind.path(meta["namespace"]), query, manifest, "application/json")
        return created

    async def replace(self, manifest: Object, *, version: str) -> Object:
        """Puts the manifest in the place of that very version of the object; else Transient."""
        kind, meta = BY_NAME[manifest["kind"]], manifest["metadata"]
        body = {**manifest, "metadata": {**meta, "resourceVersion": version}}
        query = [("fieldManager", names.FIELD_MANAGER)]
        path = kind.path(meta["namespace"], meta["name"])
        replaced: Object = await self._call("PUT", path, query, body, "application/json")
        return replaced

    async def annotate(self, kind: Kind, namespace: str, name: str, annotations: Mapping[str, str]) -> Object | None:
        """The object as it is then; None when it is gone."""
        body = {"metadata": {"annotations": dict(annotations)}}
        try:
            found: Object = await self._call("PATCH", kind.path(namespace, name), [], body, MERGE)
            return found
        except Missing:
            return None

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Deletes that very object, in the background; nothing happens when it is gone."""
        body = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        try:
            await self._call("DELETE", kind.path(namespace, name), [], body, "application/json")
        except Missing:
            return

    async def event(self, manifest: Object) -> None:
        await self._call("POST", EVENT.path(manifest["metadata"]["namespace"]), [], manifest, "application/json")

    async def _call(
        self, method: str, path: str, query: Sequence[tuple[str, str]] = (), body: Any = None, content: str = ""
    ) -> Any:
        response = await self._send(method, path, query, body, content)
        try:
            return json.loads(await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Transient(f"the API server did not answer {method} {path}: {error!r}") from error

    async def _send(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]],
        body: Any = None,
        content: str = "",
        timeout: float = TIMEOUT,  # noqa: ASYNC109  of aiohttp, for one request
    ) -> RESTResponse:
        """The answer, of which nothing is read yet; an error raises."""
        headers = {"Accept": "application/json", **({"Content-Type": content} if content else {})}
        request = await self._api.param_serialize(
            method, path, query_params=list(query), header_params=headers, body=body, auth_settings=["BearerToken"]
        )
        try:
            response = await self._api.call_api(*request, _request_timeout=timeout)
            if response.status >= 300:
                raise _error(response.status, method, path, await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Transient(f"the API server did not answer {method} {path}: {error!r}") from error
        return response


class Missing(Transient):
    """What was asked for is not there."""


class AlreadyThere(Transient):
    """What was to be created is there."""


def _error(status: int, method: str, path: str, data: bytes) -> Exception:
    try:
        message = str(json.loads(data)["message"])
    except (ValueError, KeyError, TypeError):
        message = data[:200].decode(errors="replace")
    said = f"{method} {path} answered {status}: {message}"
    if status == NOT_FOUND:
        return Missing(said)
    if status == CONFLICT and method == "POST":
        return AlreadyThere(said)
    if status == UNPROCESSABLE or message.startswith(MISTYPED):
        return Refused(Problem("InvalidObject", f"the API server refuses what spec asks for: {message}"))
    if status == FORBIDDEN or DENIED in message:
        return Refused(Problem("Forbidden", f"{message}: mend the quota, the policy or the operator's RBAC"))
    return Transient(said)
