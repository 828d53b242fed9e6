"""One proxy of an Envoy Gateway: its own account of one ModelDeployment's HTTPRoute, as of any router pod.

Its clusters are named for places in the HTTPRoute: `rule/0` is the split, the later rules are pins, and `backend/1` is
whoever has the slot 1. They are there while they have weight.
"""

import re
from dataclasses import dataclass

import aiohttp

from contender.manifests.routes.envoy import mirrored, weights
from contender.manifests.routes.gateway import Written
from contender.measure import Silent, counters
from contender.measure.counters import COUNTED, STATE, TIMES, Samples
from contender.observation import Route, RouterPod

CONTROLLER = "gateway.envoyproxy.io/gatewayclass-controller"
OWNING_NAME = "gateway.envoyproxy.io/owning-gateway-name"
OWNING_NAMESPACE = "gateway.envoyproxy.io/owning-gateway-namespace"
STATS_PORT = 19001
PLACE = re.compile(r"/backend/([0-9]+)$")


@dataclass(frozen=True, slots=True)
class Proxy:
    """What one proxy says of one HTTPRoute."""

    pod: RouterPod
    slots: frozenset[int]  # of which it has a cluster, whosever that is


def selector(namespace: str, gateway: str) -> str:
    """The labels of a Gateway's proxies."""
    return f"{OWNING_NAME}={gateway},{OWNING_NAMESPACE}={namespace}"


async def scrape(session: aiohttp.ClientSession, pod_ip: str, asked: "Question", *, name: str, uid: str) -> Proxy:
    """Asks the proxy at `pod_ip`, which is called `name`. Raises Silent when there is no readable answer."""
    try:
        text = await counters.ask(session, f"{pod_ip}:{STATS_PORT}", asked.filter)
        return asked.parse(text, name=name, uid=uid)
    except (TimeoutError, aiohttp.ClientError, ValueError) as error:
        raise Silent(f"proxy {name} told nothing of its counters: {error!r}") from error


@dataclass(frozen=True, slots=True)
class Question:
    """Of one HTTPRoute, as it is written; `carried` says that the Gateways' controller took it so."""

    namespace: str
    name: str
    written: Written | None
    carried: bool

    @property
    def prefix(self) -> str:
        """How the names of its clusters begin."""
        return f"httproute/{self.namespace}/{self.name}/rule"

    @property
    def filter(self) -> str:
        """What to ask for, as a pattern over Envoy's own names."""
        wanted = (
            rf"cluster\.{self.prefix}/[^.]+\.({STATE}|{COUNTED}|{TIMES})",
            r"server\.uptime",
            r"control_plane\.connected_state",
        )
        return f"^({'|'.join(wanted)})$"

    def parse(self, text: str, *, name: str, uid: str) -> Proxy:
        """What `text`, an answer of `/stats/prometheus`, says. Raises ValueError if it is unreadable."""
        samples = counters.samples_in(text)
        copied = self.written.block.shadows if self.written else ()
        live, pins = self._split, self._pins
        pod = RouterPod(
            name=name,
            uid=uid,
            uptime=counters.only(samples, "envoy_server_uptime"),
            listening=True,
            route=self._route(samples),
            clusters=frozenset(variant for variant, pin in pins.items() if counters.takes_requests(samples, pin)),
            active={variant: self._active(samples, variant) for variant in live},
            counters={variant: counters.counters(samples, cluster) for variant, cluster in live.items()},
            shadows={variant: counters.copies(samples, self._mirror) for variant in copied},
            edges=counters.edges(samples),
        )
        return Proxy(pod, frozenset(_slots(samples).values()))

    @property
    def _mirror(self) -> str:
        """The cluster that requests are copied to."""
        return f"{self.prefix}/0-mirror-0"

    @property
    def _split(self) -> dict[str, str]:
        """The cluster of each variant in the split, where it has weight."""
        return {variant: f"{self.prefix}/0/backend/{slot}" for variant, slot in self._places}

    @property
    def _pins(self) -> dict[str, str]:
        """The cluster of each variant for requests that are pinned to it."""
        return {variant: f"{self.prefix}/{rule}/backend/{slot}" for rule, (variant, slot) in enumerate(self._places, 1)}

    @property
    def _places(self) -> list[tuple[str, int]]:
        """Variants in the order of their rules, each with its slot."""
        written = self.written
        return [(variant, written.slots[variant]) for variant in written.block.clusters] if written else []

    def _route(self, samples: Samples) -> Route | None:
        """The route as written, if the controller took it, speaks with this proxy, and the proxy shows its clusters."""
        if self.written is None or not self.carried:
            return None
        connected = counters.only(samples, "envoy_control_plane_connected_state") == 1
        route, there = self.written.block.route, counters.clusters(samples)
        weighted = {variant for variant, cluster in self._split.items() if cluster in there}
        as_told = weighted == weights(route).keys() and (self._mirror in there) == bool(mirrored(route))
        return route if connected and as_told else None

    def _active(self, samples: Samples, variant: str) -> int:
        """Requests under way to a variant, whatever their purpose."""
        slot = dict(self._places)[variant]
        theirs = [cluster for cluster, place in _slots(samples).items() if place == slot]
        copied = self.written is not None and variant in self.written.block.shadows
        return sum(counters.under_way(samples, cluster) for cluster in [*theirs, *([self._mirror] if copied else [])])


def _slots(samples: Samples) -> dict[str, int]:
    """Clusters of backends, each with its slot."""
    found = ((cluster, PLACE.search(cluster)) for cluster in counters.clusters(samples))
    return {cluster: int(place[1]) for cluster, place in found if place}
