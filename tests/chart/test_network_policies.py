"""The flows that the chart's NetworkPolicies let through: those that are needed, and no others."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

from contender import names
from contender.manifests import ledger
from contender.manifests.routes import blocks
from contender.manifests.routes.bootstrap import STATS_PORT
from contender.measure import gateway
from tests.chart.flows import End, Port, may_connect
from tests.cluster import Cluster
from tests.installation import CHART, NAMESPACE, OPERATOR_PODS, RELEASE

Policies = list[dict[str, Any]]
Render = Callable[..., Policies]

OPERATOR = End(NAMESPACE, {**dict([OPERATOR_PODS.split("=")]), "app.kubernetes.io/instance": RELEASE})
ROUTER, VARIANT = End("blue", names.router_labels()), End("blue", names.variant_labels("churn", "12345678"))
LEDGER = End("blue", names.ledger_labels())
OTHER_VARIANT = End("green", VARIANT.labels)
PROXY = End("envoy-gateway-system", {"app.kubernetes.io/managed-by": "envoy-gateway"})
DNS, STORE, PROMETHEUS = End("kube-system"), End("store"), End("monitoring")
CLIENT, NEIGHBOUR = End("shop"), End("blue", {"app": "shop"})
OUTSIDE = End(address="203.0.113.7")
FIRST, LAST = blocks.PORTS[0], blocks.PORTS[-1]
LABELS, POSTGRES = Port(ledger.PORT), Port(5432)
LOOKUP, HTTPS, API_SERVER, SERVER = Port(53, "UDP"), Port(443), Port(6443), Port(8080)

NEEDED = {
    "the operator asks the API server": (OPERATOR, OUTSIDE, API_SERVER),
    "the operator asks the API server by its Service": (OPERATOR, OUTSIDE, HTTPS),
    "the operator asks the routers": (OPERATOR, ROUTER, Port(STATS_PORT)),
    "the operator asks a model how it answered": (OPERATOR, VARIANT, SERVER),
    "a client of the cluster asks the first model": (CLIENT, ROUTER, Port(FIRST)),
    "a client of the namespace asks the last model": (NEIGHBOUR, ROUTER, Port(LAST)),
    "a client from outside asks": (OUTSIDE, ROUTER, Port(FIRST)),
    "a router asks a model": (ROUTER, VARIANT, SERVER),
    "a router looks up names": (ROUTER, DNS, LOOKUP),
    "a model looks up names": (VARIANT, DNS, LOOKUP),
    "a model fetches itself": (VARIANT, OUTSIDE, HTTPS),
    "a client sends labels": (CLIENT, LEDGER, LABELS),
    "the operator asks a ledger": (OPERATOR, LEDGER, LABELS),
    "the operator looks up names": (OPERATOR, DNS, LOOKUP),
    "a ledger looks up names": (LEDGER, DNS, LOOKUP),
}
NOT_NEEDED = {
    "the operator asks a model by gRPC": (OPERATOR, VARIANT, Port(9000)),
    "a pod of the operator's namespace asks a model": (End(NAMESPACE), VARIANT, SERVER),
    "the operator asks as a client": (OPERATOR, ROUTER, Port(FIRST)),
    "the operator asks anybody": (OPERATOR, OUTSIDE, Port(80)),
    "a client asks a model past its router": (CLIENT, VARIANT, SERVER),
    "a client of the namespace asks a model past its router": (NEIGHBOUR, VARIANT, SERVER),
    "a client reads the counters": (CLIENT, ROUTER, Port(STATS_PORT)),
    "a client asks beyond the last model": (CLIENT, ROUTER, Port(LAST + 1)),
    "a client asks Envoy's administration": (CLIENT, ROUTER, Port(9901)),
    "a pod of the operator's namespace reads the counters": (End(NAMESPACE), ROUTER, Port(STATS_PORT)),
    "a router asks another namespace's model": (ROUTER, OTHER_VARIANT, SERVER),
    "a router asks anybody": (ROUTER, OUTSIDE, HTTPS),
    "a model asks another": (VARIANT, OTHER_VARIANT, SERVER),
    "a model asks the API server": (VARIANT, OUTSIDE, API_SERVER),
    "a model asks a router": (VARIANT, ROUTER, Port(FIRST)),
    "a client asks a ledger at another port": (CLIENT, LEDGER, Port(80)),
    "a model sends labels": (VARIANT, LEDGER, LABELS),
    "a router sends labels": (ROUTER, LEDGER, LABELS),
    "a ledger asks a database that nobody named": (LEDGER, OUTSIDE, POSTGRES),
    "a ledger asks anybody": (LEDGER, OUTSIDE, HTTPS),
    "a ledger asks the API server": (LEDGER, OUTSIDE, API_SERVER),
    "a ledger asks a model": (LEDGER, VARIANT, SERVER),
    "anybody asks the operator": (CLIENT, OPERATOR, Port(8081)),
}


@pytest.fixture(scope="module")
def render(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Render:
    file = tmp_path_factory.mktemp("values") / "values.yaml"

    def rendered(values: Mapping[str, Any], **more: Any) -> Policies:
        file.write_text(yaml.safe_dump({"networkPolicies": {"enabled": True, **values}, **more}))
        show = ("--namespace", NAMESPACE, "--show-only", "templates/networkpolicies.yaml", "--values", str(file))
        text = cluster.helm("template", RELEASE, str(CHART), *show)
        return [manifest for manifest in yaml.safe_load_all(text) if manifest]

    return rendered


@pytest.fixture(scope="module")
def policies(render: Render) -> Policies:
    return render({"namespaces": ["blue", "green"]})


@pytest.mark.parametrize("flow", NEEDED)
def test_what_is_needed_goes_through(policies: Policies, flow: str) -> None:
    assert may_connect(policies, *NEEDED[flow])


@pytest.mark.parametrize("flow", NOT_NEEDED)
def test_what_is_not_needed_does_not_go_through(policies: Policies, flow: str) -> None:
    assert may_connect([], *NOT_NEEDED[flow])
    assert not may_connect(policies, *NOT_NEEDED[flow])


def test_whoever_may_scrape_reaches_everything_that_has_metrics(render: Render) -> None:
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    policies = render({"namespaces": ["blue"], "metricsFrom": [peer]})

    for target, port in ((OPERATOR, Port(8081)), (ROUTER, Port(STATS_PORT)), (VARIANT, SERVER)):
        assert may_connect(policies, PROMETHEUS, target, port)
        assert not may_connect(policies, CLIENT, target, port)


def test_clients_and_the_store_can_be_named(render: Render) -> None:
    shop = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}
    store = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "store"}}}
    policies = render({"namespaces": ["blue"], "clients": [shop], "store": [{"to": [store]}]})

    assert may_connect(policies, CLIENT, ROUTER, Port(FIRST))
    assert not may_connect(policies, NEIGHBOUR, ROUTER, Port(FIRST))
    assert not may_connect(policies, OUTSIDE, ROUTER, Port(FIRST))
    assert may_connect(policies, VARIANT, STORE, SERVER)
    assert not may_connect(policies, VARIANT, OUTSIDE, HTTPS)


def test_who_may_label_is_who_may_ask_and_the_operator_asks_too(render: Render) -> None:
    shop = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}
    monitoring = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    policies = render({"namespaces": ["blue"], "clients": [shop], "metricsFrom": [monitoring]})

    for who in (CLIENT, OPERATOR, PROMETHEUS):
        assert may_connect(policies, who, LEDGER, LABELS)
    assert not may_connect(policies, OUTSIDE, LEDGER, LABELS)


def test_a_database_of_ones_own_is_reached_and_nothing_else(render: Render) -> None:
    policies = render({"namespaces": ["blue"]}, ledger={"database": {"secretName": "labels"}})

    assert may_connect(policies, LEDGER, OUTSIDE, POSTGRES)
    assert not may_connect(policies, LEDGER, OUTSIDE, HTTPS)


OF_GATEWAYS = {
    "the operator asks the proxies": (OPERATOR, PROXY, Port(gateway.STATS_PORT)),
    "a proxy asks a model": (PROXY, VARIANT, SERVER),
}


@pytest.mark.parametrize("flow", OF_GATEWAYS)
def test_a_gateways_flows_go_through_when_there_is_one(render: Render, policies: Policies, flow: str) -> None:
    opened = render({"namespaces": ["blue", "green"]}, gateway={"enabled": True})

    assert may_connect(opened, *OF_GATEWAYS[flow])
    assert not may_connect(policies, *OF_GATEWAYS[flow])
    assert not may_connect(opened, OPERATOR, PROXY, Port(19000))
    assert not may_connect(opened, End("envoy-gateway-system"), VARIANT, SERVER)


def test_the_namespaces_are_those_that_are_watched_unless_others_are_named(render: Render) -> None:
    watched = render({}, watchNamespaces=["blue"])

    assert {policy["metadata"]["namespace"] for policy in watched} == {NAMESPACE, "blue"}
    assert {policy["metadata"]["namespace"] for policy in render({})} == {NAMESPACE}
