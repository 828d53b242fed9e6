"""How a cluster's own Gateway is told of a `Block`, by one HTTPRoute, and what its controller says of that.

Every default of the API is written out, so that nothing differs after admission. Envoy Gateway names its clusters for
the place of a backend in the route, and never for the backend. So each variant has a slot, which is its place in every
rule for as long as it is written, and which another gets only when no proxy has it any more.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from contender import names
from contender.api import Json, ModelDeployment, moment, rfc3339
from contender.manifests.routes.envoy import mirrored, weights
from contender.manifests.variant import owner_reference
from contender.observation import Block, Problem, Route

API = "gateway.networking.k8s.io"
SLOTS = range(16)  # backends in a rule, at most
TRACES = 10_000  # in one percent: the API knows weights up to a million
TRACE = timedelta(seconds=5)  # for which a trace is kept, at least
EVERYTHING = {"type": "PathPrefix", "value": "/"}
STANDARD_PORTS = {"HTTP": 80, "HTTPS": 443}


@dataclass(frozen=True, slots=True)
class Written:
    """What an HTTPRoute of ours was made of."""

    block: Block
    slots: Mapping[str, int]  # variant -> its place in each rule
    leaving: tuple[str, ...] = ()  # had weight, and keep a trace of it until every proxy has taken that up
    since: datetime | None = None  # when the trace of those who leave began


def httproute(deployment: ModelDeployment, written: Written, hosts: Collection[str]) -> dict[str, Any]:
    """The HTTPRoute `<name>`."""
    return {
        "apiVersion": f"{API}/v1",
        "kind": "HTTPRoute",
        "metadata": {
            "name": deployment.name,
            "namespace": deployment.namespace,
            "labels": names.route_labels(deployment.name),
            "annotations": {names.CHAMPION: written.block.route.champion, names.BLOCK: _dumped(written)},
            "ownerReferences": [owner_reference(deployment)],
        },
        "spec": {
            "parentRefs": [{"group": API, "kind": "Gateway", **parent} for parent in parents(deployment)],
            "hostnames": list(hosts),
            "rules": rules(deployment.name, written),
        },
    }


def rules(deployment: str, written: Written) -> list[dict[str, Any]]:
    """The split first, then one rule for each variant, for those who pin their requests to it."""
    return [_split(deployment, written), *(_pin(deployment, variant, written) for variant in written.block.clusters)]


def parents(deployment: ModelDeployment) -> Iterator[dict[str, Any]]:
    """The references to Gateways, each with its namespace."""
    for parent in (deployment.gateway or {}).get("parentRefs", ()):
        yield {"namespace": deployment.namespace, **parent}


def hostnames(deployment: ModelDeployment) -> list[str]:
    """The names by which clients call."""
    return list((deployment.gateway or {}).get("hostnames", ()))


def read(raw: Json) -> Written | None:
    """What an HTTPRoute says that it was made of; None when that cannot be read."""
    with suppress(KeyError, TypeError, ValueError):
        told = json.loads(raw["metadata"]["annotations"][names.BLOCK])
        slots, leaving, since = told.pop("slots"), tuple(told.pop("leaving")), moment(told.pop("since", None))
        tuples = {"clusters": tuple(told["clusters"]), "shadows": tuple(told["shadows"])}
        return Written(Block(**{**told, "route": Route(**told["route"]), **tuples}), slots, leaving, since)
    return None


def following(before: Written | None, block: Block, taken: Collection[int], now: datetime, *, carried: bool) -> Written:
    """What to write for `block`. `carried` says that the Gateways took what was written before.

    A controller takes a cluster from its proxies before the route that leads there, and who is sent there meanwhile is
    answered 500. So a variant that loses its weight keeps a trace at first, of which a millionth of the requests come;
    and for some seconds at least, as a controller says that it took a route before the last of its proxies has it.
    """
    slots = next_slots(before.slots if before else {}, block.clusters, taken)
    had = {*weights(before.block.route), *before.leaving} if before else set()
    leaving = tuple(sorted(had.intersection(block.clusters) - weights(block.route).keys()))
    same = before is not None and before.block.route == block.route
    since = before.since if before and same else now
    if not leaving or (same and carried and (since is None or now - since >= TRACE)):
        return Written(block, slots)
    return Written(block, slots, leaving, since)


def next_slots(before: Mapping[str, int], variants: Collection[str], taken: Collection[int]) -> dict[str, int]:
    """A slot for each variant: the one it has, else the first that neither another has nor a proxy still knows."""
    slots = {variant: before[variant] for variant in variants if variant in before}
    free = (slot for slot in SLOTS if slot not in {*before.values(), *taken})
    return {variant: slots[variant] if variant in slots else next(free) for variant in sorted(variants)}


def refusal(raw: Json, deployment: ModelDeployment) -> Problem | None:
    """What a Gateway has against the HTTPRoute as it is now."""
    for parent, condition in _verdicts(raw, deployment):
        if condition["status"] == "False" and _is_current(raw, condition):
            said = f"{condition.get('reason')}: {condition.get('message')}"
            return Problem(
                "RouteNotAccepted", f"Gateway {_name(parent)} does not take HTTPRoute {deployment.name}: {said}"
            )
    return None


def is_carried(raw: Json, deployment: ModelDeployment) -> bool:
    """Whether every Gateway took the HTTPRoute as it is now."""
    return _agreed(raw, deployment, current=True)


def was_taken(raw: Json, deployment: ModelDeployment) -> bool:
    """Whether every Gateway took the HTTPRoute, be it as it is now or as it was before the latest change."""
    return _agreed(raw, deployment, current=False)


def url(gateway: Json, deployment: ModelDeployment) -> str:
    """Where clients call, by the first listener of the first Gateway that the references allow."""
    parent, host = next(parents(deployment)), hostnames(deployment)[0].removeprefix("*.")
    wanted = parent.get("sectionName")
    listeners = [each for each in gateway["spec"]["listeners"] if wanted in (None, each["name"])]
    protocol, port = (listeners[0]["protocol"], listeners[0]["port"]) if listeners else ("HTTP", 80)
    suffix = "" if STANDARD_PORTS.get(protocol) == port else f":{port}"
    return f"{'https' if protocol == 'HTTPS' else 'http'}://{host}{suffix}/"


def _agreed(raw: Json, deployment: ModelDeployment, *, current: bool) -> bool:
    said = {
        (_key(parent), condition["type"])
        for parent, condition in _verdicts(raw, deployment)
        if condition["status"] == "True" and (_is_current(raw, condition) or not current)
    }
    return said == {(_key(parent), kind) for parent in parents(deployment) for kind in ("Accepted", "ResolvedRefs")}


def _verdicts(raw: Json, deployment: ModelDeployment) -> Iterator[tuple[Json, Json]]:
    """Each of our Gateways with each condition that counts."""
    wanted = {_key(parent) for parent in parents(deployment)}
    for told in raw.get("status", {}).get("parents", ()):
        parent = {"namespace": deployment.namespace, **told["parentRef"]}
        for condition in told.get("conditions", ()):
            if _key(parent) in wanted and condition["type"] in {"Accepted", "ResolvedRefs"}:
                yield parent, condition


def _is_current(raw: Json, condition: Json) -> bool:
    return bool(condition.get("observedGeneration") == raw["metadata"]["generation"])


def _key(parent: Json) -> tuple[str, str, str | None]:
    return parent["namespace"], parent["name"], parent.get("sectionName")


def _name(parent: Json) -> str:
    return f"{parent['namespace']}/{parent['name']}"


def _dumped(written: Written) -> str:
    since = {"since": rfc3339(written.since)} if written.since else {}
    told = {**asdict(written.block), "slots": dict(written.slots), "leaving": written.leaving, **since}
    return json.dumps(told, separators=(",", ":"), sort_keys=True)


def _split(deployment: str, written: Written) -> dict[str, Any]:
    block = written.block
    copies = [_copies(deployment, block, variant) for variant in sorted(mirrored(block.route))]
    filters = {"filters": copies} if copies else {}
    shares = {variant: share * TRACES for variant, share in weights(block.route).items()}
    shares |= dict.fromkeys(written.leaving, 1)
    return {"matches": [{"path": EVERYTHING}], **filters, **_backends(deployment, written, shares)}


def _pin(deployment: str, variant: str, written: Written) -> dict[str, Any]:
    header = {"type": "Exact", "name": names.PIN_HEADER, "value": variant}
    return {
        "matches": [{"path": EVERYTHING, "headers": [header]}],
        **_backends(deployment, written, {variant: 1}),
    }


def _backends(deployment: str, written: Written, shares: Mapping[str, int]) -> dict[str, Any]:
    """Each variant in its slot; a place before it that nobody has is held by the first, with no weight."""
    block = written.block
    slots = {written.slots[variant]: variant for variant in shares}
    held = {"weight": 0, **_service(deployment, block, min(shares))}
    backends = [
        {"weight": shares[slots[slot]], **_service(deployment, block, slots[slot]), "filters": [_mark(slots[slot])]}
        if slot in slots
        else held
        for slot in range(max(slots) + 1)
    ]
    return {"backendRefs": backends, "timeouts": {"request": _duration(block.timeout)}}


def _service(deployment: str, block: Block, variant: str) -> dict[str, Any]:
    name, port = names.variant_name(deployment, variant), block.backend_ports[variant]
    return {"group": "", "kind": "Service", "name": name, "port": port}


def _mark(variant: str) -> dict[str, Any]:
    """Every answer says who gave it. It is also what makes Envoy Gateway count each backend by itself."""
    mark = {"name": names.PIN_HEADER, "value": variant}
    return {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": [mark]}}


def _copies(deployment: str, block: Block, variant: str) -> dict[str, Any]:
    mirror = {"backendRef": _service(deployment, block, variant), "percent": block.route.mirror}
    return {"type": "RequestMirror", "requestMirror": mirror}


def _duration(seconds: float) -> str:
    """As the Gateway API writes it: whole numbers of at most five digits."""
    whole, rest = divmod(round(seconds * 1000), 1000)
    hours, whole = divmod(whole, 3600)
    parts = (f"{hours}h" if hours else "", f"{whole}s" if whole else "", f"{rest}ms" if rest else "")
    return "".join(parts)
