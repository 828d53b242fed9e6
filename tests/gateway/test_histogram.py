"""Proxies as Envoy Gateway makes them by itself, whose histogram knows few bounds."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.cluster import Cluster
from tests.e2e.models import Models, requests
from tests.e2e.scene import Json
from tests.e2e.story import QUICK_TRIAL, Story
from tests.gateway import envoy_gateway
from tests.gateway.scene import HOSTNAME
from tests.load import Load

GATEWAY = "plain"
NODE_PORT = 30082
PORTS = [{"name": "http", "port": 80, "targetPort": 10080, "nodePort": NODE_PORT}]
SLOW = {"measure": "latency", "noWorseThan": 1.5, "below": 0.5}


def manifest(kind: str, namespace: str, spec: Json, api: str = "gateway.networking.k8s.io/v1") -> Json:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": GATEWAY, "namespace": namespace}, "spec": spec}


@pytest.fixture
def plain(contender: Cluster) -> Iterator[Json]:
    """What names a Gateway of which nothing was set but where its image is; it is gone after the test."""
    kubernetes = {
        "envoyDeployment": {"container": {"image": contender.images["envoy"]}},
        "envoyService": {"type": "ClusterIP"},
    }
    provider = {"provider": {"type": "Kubernetes", "kubernetes": kubernetes}}
    parameters = {"group": "gateway.envoyproxy.io", "kind": "EnvoyProxy", "name": GATEWAY}
    listener = {"name": "http", "protocol": "HTTP", "port": 80, "allowedRoutes": {"namespaces": {"from": "All"}}}
    gateway = {
        "gatewayClassName": "envoy",
        "infrastructure": {"parametersRef": parameters},
        "listeners": [listener],
    }
    selector = {**envoy_gateway.PROXIES, "gateway.envoyproxy.io/owning-gateway-name": GATEWAY}
    where = envoy_gateway.GATEWAY_NAMESPACE
    objects = [
        manifest("EnvoyProxy", where, provider, "gateway.envoyproxy.io/v1alpha1"),
        manifest("Gateway", where, gateway),
        manifest("Service", envoy_gateway.NAMESPACE, {"type": "NodePort", "selector": selector, "ports": PORTS}, "v1"),
    ]
    made = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    contender.kubectl("apply", "-f", "-", input=made)
    reference = {"name": GATEWAY, "namespace": where}
    yield {"gateway": {"parentRefs": [reference], "hostnames": [HOSTNAME]}}
    contender.kubectl("delete", "-f", "-", input=made)


def test_a_bound_that_is_not_in_the_histogram_is_named_and_one_that_is_can_be_judged(
    story: Story, models: Models, plain: Json
) -> None:
    unknown = {**QUICK_TRIAL, "guardrails": [{**SLOW, "over": "75ms"}]}
    known = {**QUICK_TRIAL, "guardrails": [{**SLOW, "over": "100ms"}]}
    story.given(models.good_v1).serves(traffic=plain, trial=unknown)
    port = story.scene.cluster.address(NODE_PORT).rpartition(":")[2]
    url = f"http://{HOSTNAME}:{port}/v2/models/{story.scene.name}/infer"
    with Load(url, rate=50, body=requests()) as answers:
        story.then().is_answered(answers, since=0, count=200)
        began = time.time()  # the first may come before the node leads there
        story.when().applies(models.good_v2)
        story.then().stalled("EvidenceUnavailable", "50ms, 100ms")
        shown = answers.variants()
        story.when().applies(models.good_v3, trial=known)
        story.then().promoted(models.good_v3, within=120)

    assert shown == {story.scene.variant(models.good_v1.spec)}
    assert answers.sent_since(began).failed() == []
