"""From what the watches told, and the routers' answers, to one `Observation`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from contender import names
from contender.api import ModelDeployment, Trial
from contender.cluster import kinds, problems
from contender.cluster.store import Store, is_owned, label
from contender.intent import Intent
from contender.manifests.routes.envoy import parse_blocks
from contender.observation import Entry, Observation, Router, RouterPod, Variant

Object = Mapping[str, Any]


def deployment(store: Store, namespace: str, name: str) -> ModelDeployment | None:
    """None when it is gone or going: then there is nothing left to do."""
    raw = store.get(kinds.MODELDEPLOYMENT, namespace, name)
    return None if raw is None or "deletionTimestamp" in raw["metadata"] else ModelDeployment.parse(raw)


def observe(
    store: Store,
    owner: ModelDeployment,
    now: datetime,
    serving_image: str,
    pods: Sequence[RouterPod],
    silent: Sequence[str],
) -> Observation:
    return Observation(
        now=now,
        deployment=owner,
        wanted=Intent.of(owner, serving_image),
        variants=_variants(store, owner),
        entry=_entry(store, owner),
        trials=_trials(store, owner),
        router=_router(store, owner, pods, silent),
    )


def router_pods(store: Store, namespace: str) -> list[Object]:
    """Router pods that clients may reach: ready, and not on their way out."""
    return [pod for pod in _all_router_pods(store, namespace) if _ready(pod) and not _leaving(pod)]


def _all_router_pods(store: Store, namespace: str) -> Iterator[Object]:
    return (pod for pod in store.all(kinds.POD, namespace) if label(pod, names.COMPONENT) == names.ROUTER_COMPONENT)


def _leaving(pod: Object) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _variants(store: Store, owner: ModelDeployment) -> dict[str, Variant]:
    """Every variant of which a Deployment or a Service is left: either tells what it was made for."""
    of = {kind: _by_variant(_owned(store, kind, owner)) for kind in (kinds.DEPLOYMENT, kinds.SERVICE)}
    hashes = sorted(of[kinds.DEPLOYMENT].keys() | of[kinds.SERVICE].keys())
    return {
        hash_: _variant(store, owner, hash_, of[kinds.DEPLOYMENT].get(hash_), of[kinds.SERVICE].get(hash_))
        for hash_ in hashes
    }


def _owned(store: Store, kind: kinds.Kind, owner: ModelDeployment) -> Iterator[Object]:
    """What only looks like ours is neither believed nor touched."""
    return (raw for raw in store.of(kind, owner.namespace, owner.name) if is_owned(raw, owner.uid))


def _by_variant(objects: Iterable[Object]) -> dict[str, Object]:
    return {hash_: raw for raw in objects if (hash_ := label(raw, names.VARIANT)) and label_is_variant(raw)}


def label_is_variant(raw: Object) -> bool:
    return label(raw, names.COMPONENT) == names.VARIANT_COMPONENT


def _variant(
    store: Store, owner: ModelDeployment, hash_: str, workload: Object | None, service: Object | None
) -> Variant:
    pods = (pod for pod in store.of(kinds.POD, owner.namespace, owner.name) if label(pod, names.VARIANT) == hash_)
    return Variant(
        intent=Intent.read(workload or service or {}),
        replicas=(workload or {}).get("spec", {}).get("replicas", 0),
        ready=(workload or {}).get("status", {}).get("readyReplicas", 0),
        problem=problems.find(workload, pods),
    )


def _entry(store: Store, owner: ModelDeployment) -> Entry | None:
    raw = store.get(kinds.SERVICE, owner.namespace, owner.name)
    if raw is None or not is_owned(raw, owner.uid):
        return None
    ports = [port.get("targetPort") for port in raw["spec"].get("ports", ())]
    champion = (raw["metadata"].get("annotations") or {}).get(names.CHAMPION)
    return Entry(champion, next((port for port in ports if isinstance(port, int)), None))


def _trials(store: Store, owner: ModelDeployment) -> tuple[Trial, ...]:
    trials = (Trial.parse(raw) for raw in _owned(store, kinds.TRIAL, owner))
    return tuple(sorted(trials, key=lambda trial: int(trial.name.rpartition("-")[2])))


def _router(store: Store, owner: ModelDeployment, pods: Sequence[RouterPod], silent: Sequence[str]) -> Router:
    raw = store.get(kinds.CONFIGMAP, owner.namespace, names.ROUTER)
    blocks = parse_blocks(raw.get("data") or {}) if raw else {}
    others = frozenset(block.port for name, block in blocks.items() if name != owner.name)
    return Router(
        block=blocks.get(owner.name),
        pods=tuple(pods),
        silent=tuple(silent),
        draining=any(_leaving(pod) for pod in _all_router_pods(store, owner.namespace)),
        taken_ports=others,
    )
