"""The order in which the router learns of variants: clusters first, seen in every pod, then the route; and back.

A route to a cluster that a pod lacks answers 503, and each pod takes the newest files in its own time, clusters and
routes in either order. So a block is written only if every pod can go to it from wherever it was seen.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from itertools import chain
from zlib import crc32

from contender.manifests.routes import RouterFull
from contender.manifests.routes.envoy import mirrored, weights
from contender.observation import Block, Route, Router, RouterPod

FIRST_PORT = 10_000
PORTS = range(FIRST_PORT, FIRST_PORT + 200)


def free_port(router: Router, deployment: str) -> int:
    """A listener port that no other ModelDeployment of the namespace has. Raises RouterFull.

    It is looked for from where the name falls: of many ModelDeployments that come at once few want the same.
    """
    first = crc32(deployment.encode()) % len(PORTS)
    for port in chain(PORTS[first:], PORTS[:first]):
        if port not in router.taken_ports:
            return port
    raise RouterFull(f"a namespace's router takes at most {len(PORTS)} ModelDeployments: use another namespace")


def next_block(
    wanted: Route,
    port: int,
    timeout: float,
    backend_ports: Mapping[str, int],
    router: Router,
    proven: frozenset[str] = frozenset(),
) -> Block:
    """The block to write now, on the way to `wanted`; call it at each look, until the pods carry that route.

    `backend_ports` has at least the variants that `wanted` names. A variant of the present block that it lacks
    keeps the port it has there. `proven` are variants that every pod was seen to know and that were written ever since:
    a pod that is silent, or began anew, knows them too.
    """
    old = router.block
    if old is None:  # no client knows the listener yet, and its first files hold clusters and route together
        route, clusters, shadows = wanted, _named(wanted), mirrored(wanted)
    else:
        known = _everywhere(old.clusters, router, lambda pod: pod.clusters) | (proven & frozenset(old.clusters))
        route = _reachable(wanted, old, known, _everywhere(old.shadows, router, lambda pod: pod.shadows))
        clusters = _named(wanted) | _still_needed(old, router)
        shadows = mirrored(wanted) | _still_mirrored(old, router)
    every_port = {**({} if old is None else old.backend_ports), **backend_ports}
    ports = {variant: every_port[variant] for variant in sorted(clusters)}
    return Block(port, route, tuple(ports), timeout, ports, shadows=tuple(sorted(shadows)))


def _reachable(wanted: Route, old: Block, known: frozenset[str], shadows: frozenset[str]) -> Route:
    """`wanted` where no pod could miss a cluster for it, else the champion alone, else what is written already."""
    safe, copied = known | weights(old.route).keys(), shadows | mirrored(old.route)
    for route in (wanted, replace(wanted, share=0, mirror=0)):
        if weights(route).keys() <= safe and mirrored(route) <= copied:
            return route
    return old.route


def _everywhere(
    written: Collection[str], router: Router, live: Callable[[RouterPod], Collection[str]]
) -> frozenset[str]:
    """Variants whose clusters are written and live in every ready pod; none, while a pod is silent."""
    if router.silent or not router.pods:
        return frozenset()
    return frozenset(written).intersection(*map(live, router.pods))


def _still_needed(old: Block, router: Router) -> frozenset[str]:
    """Variants to which some pod may still send requests, or has one under way."""
    pods = router.pods
    if router.silent or not pods or any(pod.route != old.route for pod in pods):
        return frozenset(old.clusters)
    return _named(old.route) | {variant for variant in old.clusters if any(pod.active.get(variant) for pod in pods)}


def _still_mirrored(old: Block, router: Router) -> frozenset[str]:
    """Variants to which some pod may still copy requests."""
    if router.silent or not router.pods or any(pod.route != old.route for pod in router.pods):
        return frozenset(old.shadows)
    return mirrored(old.route)


def _named(route: Route) -> frozenset[str]:
    return frozenset({route.champion} if route.challenger is None else {route.champion, route.challenger})
