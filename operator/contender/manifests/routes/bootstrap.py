"""Envoy's bootstrap: what a router process knows before it reads its files, and what only a new pod can change.

The admin interface can end the process, so it listens on loopback only. A second listener lets others read the
counters and the readiness, and nothing else.
"""

from typing import Any

from contender.ladder import EDGES

ADMIN_PORT = 9901
STATS_PORT = 9902
EVERY_INTERFACE = "0.0.0.0"  # noqa: S104  of the pod
CONFIG_DIRECTORY = "/config"

MAX_CONNECTIONS = 10_000
HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER_FILTER = {
    "name": "envoy.filters.http.router",
    "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
        "suppress_envoy_headers": True,
    },
}


def bootstrap() -> dict[str, Any]:
    """The whole bootstrap; the same for every namespace, so that only an upgrade rolls the routers."""
    return {
        "node": {"id": "contender-router", "cluster": "contender-router"},
        "admin": {"address": address("127.0.0.1", ADMIN_PORT)},
        "dynamic_resources": {"cds_config": file_source("cds.json"), "lds_config": file_source("lds.json")},
        "static_resources": {"listeners": [_stats_listener()], "clusters": [_admin_cluster()]},
        "stats_flush_interval": "1s",  # histograms are merged at a flush: 5 s would lag behind the counters
        "stats_config": {"histogram_bucket_settings": [_ladder()]},
        "overload_manager": {"resource_monitors": [_connection_limit()]},
    }


def address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def file_source(name: str) -> dict[str, Any]:
    """Envoy reads the file anew whenever the kubelet swaps the mounted ConfigMap, which is a rename of `..data`.

    The path goes through that link: the kubelet makes a new file's own link only after the swap, too late for Envoy.
    """
    return {
        "resource_api_version": "V3",
        "path_config_source": {
            "path": f"{CONFIG_DIRECTORY}/..data/{name}",
            "watched_directory": {"path": CONFIG_DIRECTORY},
        },
    }


def _ladder() -> dict[str, Any]:
    return {"match": {"suffix": "upstream_rq_time"}, "buckets": [round(edge * 1000) for edge in EDGES]}


def _connection_limit() -> dict[str, Any]:
    return {
        "name": "envoy.resource_monitors.global_downstream_max_connections",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3"
            ".DownstreamConnectionsConfig",
            "max_active_downstream_connections": MAX_CONNECTIONS,
        },
    }


def _admin_cluster() -> dict[str, Any]:
    endpoint = {"endpoint": {"address": address("127.0.0.1", ADMIN_PORT)}}
    return {
        "name": "admin",
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": "admin", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _stats_listener() -> dict[str, Any]:
    manager = {
        "@type": HCM,
        "stat_prefix": "contender_stats",  # an underscore: no ModelDeployment can be called so
        "route_config": {"virtual_hosts": [{"name": "stats", "domains": ["*"], "routes": _stats_routes()}]},
        "http_filters": [ROUTER_FILTER],
    }
    return {
        "name": "contender_stats",
        "address": address(EVERY_INTERFACE, STATS_PORT),
        "ignore_global_conn_limit": True,  # probes and evidence get through when clients took every connection
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def _stats_routes() -> list[dict[str, Any]]:
    get = {"name": ":method", "string_match": {"exact": "GET"}}
    return [
        {"match": {"path": path, "headers": [get]}, "route": {"cluster": "admin"}}
        for path in ("/stats/prometheus", "/ready")
    ]
