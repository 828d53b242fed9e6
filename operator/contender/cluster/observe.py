"""From what the watches told, and the routers' answers, to one `Observation`."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from contender import names
from contender.api import Measure, ModelDeployment, Trial
from contender.cluster import kinds, problems
from contender.cluster.kinds import Object
from contender.cluster.store import Store, is_owned, label
from contender.intent import Intent
from contender.manifests.routes.envoy import parse_blocks
from contender.observation import Entry, Observation, Router, RouterPod, Variant

RECORDERS = 8  # pods of a variant of which single answers are asked, at each look


def deployment(store: Store, namespace: str, name: str) -> ModelDeployment | None:
    """None when it is gone or going: then there is nothing left to do."""
    raw = store.get(kinds.MODELDEPLOYMENT, namespace, name)
    return None if raw is None or "deletionTimestamp" in raw["metadata"] else ModelDeployment.parse(raw)


def observe(
    store: Store,
    owner: ModelDeployment,
    now: datetime,
    serving_image: str,
    router: Router,
    entry: Entry | None,
) -> Observation:
    return Observation(
        now=now,
        deployment=owner,
        wanted=Intent.of(owner, serving_image),
        variants=_variants(store, owner),
        entry=entry,
        trials=_trials(store, owner),
        router=router,
    )


def router_pods(store: Store, namespace: str) -> list[Object]:
    """Router pods that clients may reach: ready, and not on their way out."""
    return [pod for pod in _all_router_pods(store, namespace) if takes_clients(pod)]


def judges_times(store: Store, owner: ModelDeployment) -> bool:
    """Whether a trial is under way that asks how long answers took."""
    *_, newest = _trials(store, owner) or (None,)
    if newest is None or newest.ended:
        return False
    return any(each.measure is Measure.LATENCY for each in (*newest.rules.guardrails, *newest.rules.objectives))


def recorders(store: Store, owner: ModelDeployment) -> Iterator[tuple[str, str]]:
    """While a challenger is in the shadow: pods that remember how they answered, each as its variant and address."""
    trials = _trials(store, owner)
    if not trials or not trials[-1].in_shadow:
        return
    variants = _variants(store, owner)
    for contestant in (trials[-1].champion, trials[-1].challenger):
        known = variants.get(contestant.variant)
        if known is not None and "image" not in known.intent.runtime:
            pods = _pods(store, owner, contestant.variant)
            addresses = sorted(pod["status"]["podIP"] for pod in pods if takes_clients(pod))
            yield from ((contestant.variant, f"{address}:{known.intent.port}") for address in addresses[:RECORDERS])


def _all_router_pods(store: Store, namespace: str) -> Iterator[Object]:
    return (pod for pod in store.all(kinds.POD, namespace) if label(pod, names.COMPONENT) == names.ROUTER_COMPONENT)


def takes_clients(pod: Object) -> bool:
    """It is ready, and not on its way out."""
    return _ready(pod) and not _leaving(pod)


def _leaving(pod: Object) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def is_unseen(pod: Object) -> bool:
    """Not asked for its counters, and yet it may carry traffic: unready with a container that runs, or leaving."""
    started = any(container.get("started") for container in pod.get("status", {}).get("containerStatuses", ()))
    return _leaving(pod) or (started and not _ready(pod))


def _ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _variants(store: Store, owner: ModelDeployment) -> dict[str, Variant]:
    """Every variant of which a Deployment or a Service is left that tells what it was made for."""
    workloads, services, hpas = (
        _by_variant(_owned(store, kind, owner)) for kind in (kinds.DEPLOYMENT, kinds.SERVICE, kinds.HPA)
    )
    found = {}
    for hash_ in sorted(workloads.keys() | services.keys()):
        intent = _intent(workloads.get(hash_), services.get(hash_))
        if intent is not None:
            known = _variant(store, owner, intent, workloads.get(hash_))
            found[hash_] = replace(known, unscaled=problems.unscaled(hpas.get(hash_)))
    return found


def _intent(*objects: Object | None) -> Intent | None:
    """The first that can be read: one that was edited by hand is then mended from the other."""
    for raw in filter(None, objects):
        with suppress(KeyError, TypeError, ValueError):
            return Intent.read(raw)
    return None


def _owned(store: Store, kind: kinds.Kind, owner: ModelDeployment) -> Iterator[Object]:
    """What only looks like ours is neither believed nor touched."""
    return (raw for raw in store.of(kind, owner.namespace, owner.name) if is_owned(raw, owner.uid))


def _by_variant(objects: Iterable[Object]) -> dict[str, Object]:
    ours = (raw for raw in objects if label(raw, names.COMPONENT) == names.VARIANT_COMPONENT)
    return {hash_: raw for raw in ours if (hash_ := label(raw, names.VARIANT))}


def _variant(store: Store, owner: ModelDeployment, intent: Intent, workload: Object | None) -> Variant:
    return Variant(
        intent=intent,
        replicas=(workload or {}).get("spec", {}).get("replicas", 0),
        ready=(workload or {}).get("status", {}).get("readyReplicas", 0),
        problem=problems.find(workload, _pods(store, owner, intent.hash)),
    )


def _pods(store: Store, owner: ModelDeployment, variant: str) -> Iterator[Object]:
    return (raw for raw in store.of(kinds.POD, owner.namespace, owner.name) if label(raw, names.VARIANT) == variant)


def entry(store: Store, owner: ModelDeployment) -> Entry | None:
    """The Service `<name>`, if it is ours."""
    raw = store.get(kinds.SERVICE, owner.namespace, owner.name)
    if raw is None or not is_owned(raw, owner.uid):
        return None
    ports = [port.get("targetPort") for port in raw["spec"].get("ports", ())]
    champion = (raw["metadata"].get("annotations") or {}).get(names.CHAMPION)
    return Entry(champion, next((port for port in ports if isinstance(port, int)), None))


def _trials(store: Store, owner: ModelDeployment) -> tuple[Trial, ...]:
    numbered = {names.trial_number(raw["metadata"]["name"]): raw for raw in _owned(store, kinds.TRIAL, owner)}
    return tuple(Trial.parse(raw) for _, raw in sorted((number, raw) for number, raw in numbered.items() if number))


def router(store: Store, owner: ModelDeployment, pods: Sequence[RouterPod], silent: Sequence[str]) -> Router:
    """The namespace's own router, whose pods have answered or not."""
    raw = store.get(kinds.CONFIGMAP, owner.namespace, names.ROUTER)
    blocks = parse_blocks(raw.get("data") or {}) if raw else {}
    others = frozenset(block.port for name, block in blocks.items() if name != owner.name)
    return Router(
        block=blocks.get(owner.name),
        pods=tuple(pods),
        silent=tuple(silent),
        unseen=any(is_unseen(pod) for pod in _all_router_pods(store, owner.namespace)),
        taken_ports=others,
    )
