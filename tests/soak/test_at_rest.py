"""Fifty ModelDeployments that serve and that nobody changes cost the API server nothing but their watches.

For two minutes, or as long as SOAK_SECONDS says.
"""

import json
import os
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from contender import names
from tests.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.installation import asked_since

COUNT = 50
SECONDS = float(os.environ.get("SOAK_SECONDS", "120"))
QUIET = 20.0  # seconds without a request after which nothing is on its way any more

# A server that answers everything with 200, from the router's own image: fifty Python processes are fifty too many.
ANSWERS = {"match": {"prefix": "/"}, "direct_response": {"status": 200}}
HTTP = {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    "stat_prefix": "idle",
    "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [ANSWERS]}]},
    "http_filters": [
        {
            "name": "router",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
        }
    ],
}
LISTENER = {
    "address": {"socket_address": {"address": "0.0.0.0", "port_value": 8080}},
    "filter_chains": [{"filters": [{"name": "http", "typed_config": HTTP}]}],
}
SERVER = json.dumps({"static_resources": {"listeners": [LISTENER]}})


def idle(cluster: Cluster, number: int) -> dict[str, Any]:
    return {
        "apiVersion": names.API_VERSION,
        "kind": "ModelDeployment",
        "metadata": {"name": f"idle-{number}"},
        "spec": {
            "runtime": {
                "image": cluster.images["envoy"],
                "args": ["--concurrency", "1", "--disable-hot-restart", "--config-yaml", SERVER],
            },
            "resources": {"requests": {"cpu": "5m", "memory": "24Mi"}, "limits": {"memory": "128Mi"}},
            "autoscaling": {"minReplicas": 1, "maxReplicas": 2},
        },
    }


def beyond_watches(events: list[dict[str, Any]]) -> list[str]:
    """Requests that are neither a watch nor the leader's hold on its Lease, in words."""
    return [
        f"{event['requestReceivedTimestamp']} {event['verb']} {event['requestURI']}"
        for event in events
        if event["verb"] != "watch" and (event.get("objectRef") or {}).get("resource") != "leases"
    ]


def test_fifty_idle_modeldeployments_cost_no_write_and_no_read(contender: Cluster, namespace: str) -> None:
    def alone() -> None:
        homes = contender.kubectl("get", "modeldeployments", "-A", "-o", "jsonpath={.items[*].metadata.namespace}")
        assert set(homes.split()) <= {namespace}, f"other tests' are still going: {homes}"

    def at_rest() -> None:
        lately = asked_since(contender, datetime.now(UTC) - timedelta(seconds=QUIET))
        assert not beyond_watches(lately), f"{len(beyond_watches(lately))} requests in {QUIET:g} s"

    def portrait() -> str:
        return contender.kubectl("-n", namespace, "get", "modeldeployments,pods")

    eventually(alone, within=180, otherwise=portrait)
    wanted = {"apiVersion": "v1", "kind": "List", "items": [idle(contender, number) for number in range(COUNT)]}
    contender.kubectl("-n", namespace, "apply", "-f", "-", input=json.dumps(wanted))
    contender.kubectl("-n", namespace, "wait", "--for=condition=Ready", "modeldeployments", "--all", "--timeout=900s")
    eventually(at_rest, within=180, otherwise=portrait)

    began = datetime.now(UTC)
    time.sleep(SECONDS)
    asked = asked_since(contender, began)

    assert asked, "the leader's Lease at least must be in the audit log"
    assert beyond_watches(asked) == []
