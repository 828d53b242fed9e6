"""A namespace's blocks as the files that its routers read: clusters, listeners and one route table.

Cluster, listener and route names are the wire between this module and `measure.envoy`, which reads them back from
Envoy's counters. One bad cluster makes Envoy refuse all of them, so of what a user wrote only names are copied in here,
which the schema keeps plain.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from contender.manifests.routes import RouterFull
from contender.manifests.routes.bootstrap import EVERY_INTERFACE, HCM, ROUTER_FILTER, address, file_source
from contender.names import PIN_HEADER, variant_name
from contender.observation import Block, Route

LIVE = "live"
PINNED = "pinned"
SHADOW = "shadow"
PURPOSES = (LIVE, PINNED)  # of each variant; one that requests are copied to has a third cluster, for the shadow
ROUTE_TABLE = "contender"
METADATA = "contender"  # of clusters: the variant's name, from where every answer gets its mark
DEPLOYMENT_HEADER = "x-contender-modeldeployment"  # within the router only

CONNECTION_AGE = 10  # seconds after which a client is asked to connect anew; draining a router pod rests on it
UPSTREAM_IDLE = 3  # seconds; under the 5 after which uvicorn closes: whoever closes last meets a reset
COPIES = 64  # under way at once, at a router pod; one too many is shed, and no evidence
COPY_BYTES = 4 << 20  # of a copy that the challenger has not taken yet
STALLED_AFTER = 30  # seconds beyond the timeout in which a client may stall its own request

NOBODY = {"address_prefix": "255.255.255.255", "prefix_len": 32}  # an empty list would mean every private address
CONFIGMAP_HOLDS = 1 << 20  # bytes, over all values

TYPES = "type.googleapis.com/envoy.config"
PROTOCOL_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def _header(name: str, value: str) -> dict[str, Any]:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


ROUTES = {  # but for its virtual hosts
    "@type": f"{TYPES}.route.v3.RouteConfiguration",
    "name": ROUTE_TABLE,
    "vhost_header": DEPLOYMENT_HEADER,
    "request_headers_to_remove": [DEPLOYMENT_HEADER],
    "response_headers_to_add": [_header(PIN_HEADER, f"%METADATA(CLUSTER:{METADATA}:variant)%")],
}


def configmap_data(namespace: str, blocks: Mapping[str, Block]) -> dict[str, str]:
    """The dynamic ConfigMap's data; `blocks` by ModelDeployment name. Without blocks it is valid, and routes nothing.

    Raises RouterFull when it is more than a ConfigMap holds.
    """
    hosts = f"{namespace}.svc.cluster.local."  # the dot ends the name: no search list is gone through
    ordered = sorted(blocks.items())
    splits = " ".join(split_text(name, block.route) for name, block in ordered)
    texts = {name: _json(asdict(block)) for name, block in ordered}
    parts = [_parts(name, text, hosts) for name, text in texts.items()]
    data = {
        "cds.json": _file([cluster for part in parts for cluster in part.clusters]),
        "lds.json": _file([part.listener for part in parts]),
        "rds.json": _file([_route_table([part.routes for part in parts])], splits),
        **{f"block.{name}.json": text for name, text in texts.items()},
    }
    if sum(map(len, data.values())) > CONFIGMAP_HOLDS:
        raise RouterFull("the router's configuration is more than a ConfigMap holds: use another namespace")
    return data


def parse_blocks(data: Mapping[str, str]) -> dict[str, Block]:
    """The blocks that `configmap_data` wrote, by ModelDeployment name. One that is unreadable counts as not written."""
    found = {}
    for key, text in data.items():
        if key.startswith("block.") and key.endswith(".json"):
            with suppress(ValueError, KeyError, TypeError):  # a hand edit: the next write mends it
                found[key.removeprefix("block.").removesuffix(".json")] = _block(text)
    return found


def split_text(deployment: str, route: Route) -> str:
    """A route in words, champion first: `churn:ab12cd34=75,ef56ab78=25`. It is part of the route table's version.

    While requests are copied: `churn:ab12cd34=100,ef56ab78=0+40`, with the percentage of those.
    """
    champion = f"{deployment}:{route.champion}={100 - route.share}"
    copies = f"+{route.mirror}" if route.mirror else ""
    return champion if route.challenger is None else f"{champion},{route.challenger}={route.share}{copies}"


def parse_split(version: str, deployment: str) -> Route | None:
    """The route of `deployment` in a version of the route table; None where it has none."""
    found = re.search(rf"(?:^| ){deployment}:(\w+)=\d+(?:,(\w+)=(\d+)(?:\+(\d+))?)?(?: |$)", version)
    if found is None:
        return None
    champion, challenger, share, mirror = found.groups()
    return Route(champion) if challenger is None else Route(champion, challenger, int(share), int(mirror or 0))


def cluster_name(deployment: str, variant: str, purpose: str) -> str:
    return f"{deployment}_{variant}_{purpose}"


def stat_prefix(deployment: str) -> str:
    """Under which a listener's counters are. Envoy has some of its own under `admin`, which is a fair name too."""
    return f"of_{deployment}"


def weights(route: Route) -> dict[str, int]:
    """The variants that get live traffic, in percent; they total 100, and none is zero."""
    parts = {route.champion: 100 - route.share}
    if route.challenger is not None:
        parts[route.challenger] = route.share
    return {variant: weight for variant, weight in parts.items() if weight}


def mirrored(route: Route) -> frozenset[str]:
    """The variants that get copies of requests: the challenger or nobody."""
    return frozenset({route.challenger}) if route.challenger is not None and route.mirror else frozenset()


@lru_cache(maxsize=4096)  # every look reads all blocks of its namespace
def _block(text: str) -> Block:
    raw = json.loads(text)
    return Block(
        port=raw["port"],
        route=Route(**raw["route"]),
        clusters=tuple(raw["clusters"]),
        timeout=raw["timeout"],
        backend_ports=raw["backend_ports"],
        sticky=raw.get("sticky"),
        shadows=tuple(raw.get("shadows", ())),
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    """What one block gives to the files, as JSON."""

    clusters: tuple[str, ...]
    listener: str
    routes: str


@lru_cache(maxsize=4096)  # each write renders its namespace, of which one block has changed
def _parts(name: str, text: str, hosts: str) -> _Parts:
    block = _block(text)
    clusters = tuple(map(_json, _clusters(name, block, hosts)))
    return _Parts(clusters, _json(_listener(name, block.port)), _json(_routes(name, block)))


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def _file(resources: Sequence[str], words: str = "") -> str:
    """`resources` are JSON already."""
    listed = f"[{','.join(resources)}]"
    digest = hashlib.sha256(listed.encode()).hexdigest()[:8]
    return f'{{"resources":{listed},"version_info":{_json(f"{words} {digest}".strip())}}}'


def _route_table(hosts: Sequence[str]) -> str:
    """Of virtual hosts that are JSON already. One table for all: each more would cost one of a node's 128 inotifies."""
    return f'{_json(ROUTES)[:-1]},"virtual_hosts":[{",".join(hosts)}]}}'


def _clusters(deployment: str, block: Block, hosts: str) -> Iterator[dict[str, Any]]:
    for variant in block.clusters:
        endpoint = address(f"{variant_name(deployment, variant)}.{hosts}", block.backend_ports[variant])
        judged = {"outlier_detection": _ejection()}
        yield {**_cluster(cluster_name(deployment, variant, LIVE), variant, endpoint), **judged}
        yield _cluster(cluster_name(deployment, variant, PINNED), variant, endpoint)
        if variant in block.shadows:
            yield {**_cluster(cluster_name(deployment, variant, SHADOW), variant, endpoint), **judged, **_bounded()}


def _cluster(name: str, variant: str, endpoint: dict[str, Any]) -> dict[str, Any]:
    """All pods of a variant. Each purpose has a cluster of its own, so that only live traffic is evidence."""
    return {
        "@type": f"{TYPES}.cluster.v3.Cluster",
        "name": name,
        "metadata": {"filter_metadata": {METADATA: {"variant": variant}}},
        "cluster_type": {"name": "envoy.cluster.dns", "typed_config": _resolution()},
        "connect_timeout": "1s",
        "lb_policy": "LEAST_REQUEST",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": endpoint}}]}],
        },
        "circuit_breakers": {"thresholds": [_breakers()]},
        "typed_extension_protocol_options": {PROTOCOL_OPTIONS: _upstream_protocol()},
    }


def _resolution() -> dict[str, Any]:
    """Every address is a host (strict DNS), asked for each second, after a failure too: the TTL may be 30 s."""
    return {
        "@type": "type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster",
        "dns_lookup_family": "V4_PREFERRED",
        "dns_refresh_rate": "1s",
    }


def _breakers() -> dict[str, int]:
    return {"max_connections": 1024, "max_pending_requests": 1024, "max_requests": 2048, "max_retries": 1024}


def _bounded() -> dict[str, Any]:
    """What a challenger that hangs can take of the router: few copies, each of them in a buffer of its own.

    A body is copied while it streams, so one that fills the buffer would go on only at the challenger's pace.
    """
    few = {"max_connections": COPIES, "max_pending_requests": COPIES, "max_requests": COPIES}
    return {"circuit_breakers": {"thresholds": [few]}, "per_connection_buffer_limit_bytes": COPY_BYTES}


def _ejection() -> dict[str, Any]:
    """A pod that cannot be reached rests for 5 s. One that answers is never ejected: its answers are evidence."""
    return {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": 3,
        "interval": "1s",
        "base_ejection_time": "5s",
        "max_ejection_percent": 50,
        "enforcing_consecutive_5xx": 0,
        "success_rate_minimum_hosts": 1000,  # more than a variant has: success rates are the trial's to judge
    }


def _upstream_protocol() -> dict[str, Any]:
    return {
        "@type": f"type.googleapis.com/{PROTOCOL_OPTIONS}",
        "common_http_protocol_options": {"idle_timeout": f"{UPSTREAM_IDLE}s"},
        "explicit_http_config": {"http_protocol_options": {}},
    }


def _listener(name: str, port: int) -> dict[str, Any]:
    """Nothing here changes while a ModelDeployment lives: a changed listener would drain its connections."""
    return {
        "@type": f"{TYPES}.listener.v3.Listener",
        "name": name,
        "stat_prefix": stat_prefix(name),
        "address": address(EVERY_INTERFACE, port),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": _connection_manager(name)}]}],
    }


def _connection_manager(name: str) -> dict[str, Any]:
    return {
        "@type": HCM,
        "stat_prefix": stat_prefix(name),
        "rds": {"route_config_name": ROUTE_TABLE, "config_source": file_source("rds.json")},
        "early_header_mutation_extensions": [_says_whose_requests_come(name)],
        "http_filters": [ROUTER_FILTER],
        "use_remote_address": True,
        "internal_address_config": {"cidr_ranges": [NOBODY]},  # so that nobody orders retries by an x-envoy header
        "preserve_external_request_id": True,
        "server_header_transformation": "PASS_THROUGH",
        "normalize_path": True,
        "request_headers_timeout": "10s",
        "http1_safe_max_connection_duration": True,
        "common_http_protocol_options": {"idle_timeout": "75s", "max_connection_duration": f"{CONNECTION_AGE}s"},
    }


def _says_whose_requests_come(name: str) -> dict[str, Any]:
    """The listener's port says which ModelDeployment is asked, and any Host will do: so this picks its routes."""
    return {
        "name": "deployment",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3"
            ".HeaderMutation",
            "mutations": [{"append": _header(DEPLOYMENT_HEADER, name)}],
        },
    }


def _routes(name: str, block: Block) -> dict[str, Any]:
    pins = [_pin(name, variant, block.timeout) for variant in block.clusters]
    routes = [*pins, _unknown_pin(block.clusters), _split(name, block)]
    return {"name": name, "domains": [name], "retry_policy": _retry(), "routes": routes}


def _split(deployment: str, block: Block) -> dict[str, Any]:
    """The challenger comes first: a hash under its share stays under a greater one, so each step moves the fewest."""
    clusters = [
        {"name": cluster_name(deployment, variant, LIVE), "weight": weight}
        for variant, weight in reversed(weights(block.route).items())
    ]
    if block.sticky is None:
        action: dict[str, Any] = {"weighted_clusters": {"clusters": clusters}}
    else:
        weighted = {"clusters": clusters, "use_hash_policy": True}
        action = {"weighted_clusters": weighted, "hash_policy": [_user(block.sticky)]}
    copies = {"request_mirror_policies": [_copies(deployment, block.route)]} if mirrored(block.route) else {}
    return {"match": {"prefix": "/"}, "route": {**action, **copies, **_timeouts(block.timeout)}}


def _copies(deployment: str, route: Route) -> dict[str, Any]:
    """Of these the challenger answers each once, and nobody waits for it. The Host stays what the client sent."""
    return {
        "cluster": cluster_name(deployment, str(route.challenger), SHADOW),
        "runtime_fraction": {"default_value": {"numerator": route.mirror, "denominator": "HUNDRED"}},
        "trace_sampled": False,
        "disable_shadow_host_suffix_append": True,
    }


def _user(sticky: Mapping[str, str]) -> dict[str, Any]:
    """Who asks. A request that does not say it is split at random: Envoy makes no cookie for a split of weights."""
    if "header" in sticky:
        return {"header": {"header_name": sticky["header"]}}
    return {"cookie": {"name": sticky["cookie"]}}


def _pin(deployment: str, variant: str, timeout: float) -> dict[str, Any]:
    header = {"name": PIN_HEADER, "string_match": {"exact": variant}}
    return {
        "match": {"prefix": "/", "headers": [header]},
        "route": {"cluster": cluster_name(deployment, variant, PINNED), **_timeouts(timeout)},
    }


def _unknown_pin(variants: tuple[str, ...]) -> dict[str, Any]:
    message = f"{PIN_HEADER} names no variant of this model: use {' or '.join(variants)}, or leave the header out"
    return {
        "match": {"prefix": "/", "headers": [{"name": PIN_HEADER, "present_match": True}]},
        "direct_response": {"status": 404, "body": {"inline_string": _json({"error": message})}},
        "response_headers_to_add": [_header("content-type", "application/json")],
    }


def _timeouts(timeout: float) -> dict[str, str]:
    return {"timeout": f"{timeout:.3f}s", "idle_timeout": f"{timeout + STALLED_AFTER:.3f}s"}


def _retry() -> dict[str, Any]:
    """One more try, at another pod, when no answer came. Never on 5xx: that is an answer, and evidence."""
    return {
        "retry_on": "connect-failure,reset,refused-stream",
        "num_retries": 1,
        "host_selection_retry_max_attempts": 16,  # each pick may meet the pod that just failed again
        "retry_host_predicate": [
            {
                "name": "previous_hosts",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                },
            }
        ],
    }
