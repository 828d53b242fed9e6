"""What only a Gateway can do to a ModelDeployment: be missing, be somebody else's, lose the route, tell nothing."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

import pytest

from contender import names
from tests.cluster import Cluster
from tests.e2e.models import Models
from tests.e2e.scene import Json, Scene, exposures
from tests.e2e.story import Story
from tests.gateway import envoy_gateway
from tests.gateway.scene import TRAFFIC, told_on_a_gateway
from tests.installation import asked_since
from tests.namespaces import fresh_namespace

STATISTICS = 19001
HTTPROUTES = "httproutes.gateway.networking.k8s.io"
WRITES = {"create", "update", "patch", "delete"}


def named(gateway: str, hostname: str = "elsewhere.example.com") -> Json:
    reference = {"name": gateway, "namespace": envoy_gateway.GATEWAY_NAMESPACE}
    return {"gateway": {"parentRefs": [reference], "hostnames": [hostname]}}


@contextmanager
def foreign(cluster: Cluster, gateway: str) -> Iterator[None]:
    """While the block runs there is a Gateway of a controller that nobody here runs."""
    api = "gateway.networking.k8s.io/v1"
    listener = {"name": "http", "protocol": "HTTP", "port": 80}
    kind = {"apiVersion": api, "kind": "GatewayClass", "metadata": {"name": "foreign"}}
    where = {"name": gateway, "namespace": envoy_gateway.GATEWAY_NAMESPACE}
    spec = {"gatewayClassName": "foreign", "listeners": [listener]}
    objects = [
        {**kind, "spec": {"controllerName": "example.com/foreign"}},
        {"apiVersion": api, "kind": "Gateway", "metadata": where, "spec": spec},
    ]
    made = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    cluster.kubectl("apply", "-f", "-", input=made)
    try:
        yield
    finally:
        cluster.kubectl("delete", "-f", "-", input=made)


@contextmanager
def statistics_cut_off(cluster: Cluster) -> Iterator[None]:
    """Nobody reaches the proxies' counters while the block runs."""
    rule = f"tcp dport {STATISTICS} drop"
    cluster.node("nft", "add", "table", "inet", "cut")
    cluster.node("nft", "add", "chain", "inet", "cut", "way", "{ type filter hook forward priority 0 ; }")
    cluster.node("nft", "add", "rule", "inet", "cut", "way", *rule.split())
    try:
        yield
    finally:
        cluster.node("nft", "delete", "table", "inet", "cut")


def test_a_second_owner_of_a_hostname_is_told_and_the_first_is_not_disturbed(story: Story, models: Models) -> None:
    story.given(models.good_v1).serves()
    cluster = story.scene.cluster
    with story.traffic(rate=50) as answers, fresh_namespace(cluster, "second") as other, ExitStack() as stack:
        second = Story(Scene(cluster, other), stack)
        second.apply(models.good_v2, traffic=TRAFFIC)
        second.then().stalled("HostnameTaken", "write another of spec.traffic.gateway.hostnames", within=120)
        story.then().answers(models.good_v1, answers, since=time.time(), count=200)
        routes = second.scene.get("httproutes")

    assert answers.failed() == []
    assert routes == []


def test_a_gateway_that_cannot_be_judged_by_is_named_and_one_that_is_missing_is_waited_for(
    story: Story, models: Models
) -> None:
    cluster = story.scene.cluster
    story.apply(models.good_v1, traffic=named("another"))
    story.then().stalled("GatewayMissing", "make it, or name another one", within=120)
    with foreign(cluster, "another"):
        story.then().stalled("GatewayUnreadable", "example.com/foreign", within=90)
    story.given(models.good_v1).serves(traffic=TRAFFIC)


def test_a_route_that_a_listener_refuses_is_told_in_its_own_words(story: Story, models: Models) -> None:
    wrong = {**TRAFFIC["gateway"], "parentRefs": [{**TRAFFIC["gateway"]["parentRefs"][0], "sectionName": "https"}]}
    story.apply(models.good_v1, traffic={"gateway": wrong})
    story.then().stalled("RouteNotAccepted", "NoMatchingParent", within=120)
    story.given(models.good_v1).serves(traffic=TRAFFIC)


def test_a_route_of_somebody_elses_is_named_and_not_touched(story: Story, models: Models) -> None:
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": story.scene.name},
        "spec": {"parentRefs": [{"name": "theirs"}], "hostnames": ["theirs.example.com"]},
    }
    story.scene.kubectl("create", "-f", "-", input=json.dumps(route))
    [before] = story.scene.get("httproutes")
    story.apply(models.good_v1)
    story.then().stalled("NameTaken", "HTTPRoute churn is not Contender's", within=120)
    [after] = story.scene.get("httproutes")
    story.scene.kubectl("delete", "httproute", story.scene.name)
    story.then().serves(models.good_v1, within=120)

    assert after["spec"] == before["spec"]
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


def test_a_route_that_is_deleted_in_mid_trial_is_back_in_seconds_and_the_trial_goes_on(
    story: Story, models: Models
) -> None:
    challenger = story.given(models.good_v1).is_challenged_by(models.good_v2)
    with story.traffic(rate=100) as answers:
        before = story.then().has_evidence(200)
        story.scene.kubectl("delete", "httproute", story.scene.name)
        story.then().has_evidence(exposures(before) + 100)
        story.then().has_the_share(models.good_v2, 25)
        after = story.then().is_answered(answers, since=time.time(), count=1000)
        trial = story.scene.trial()
    lost = answers.failed()

    assert {record.status for record in lost} <= {404}
    assert len(lost) < 100 * 10, "seconds of 100 requests each"
    assert after.failed() == []
    assert abs(after.share(challenger) - 25) <= 5
    assert trial["metadata"]["name"] == before["metadata"]["name"]
    assert exposures(trial) <= len(answers.of(challenger))


def test_without_counters_the_champion_serves_on_and_the_trial_waits(story: Story, models: Models) -> None:
    challenger = story.given(models.good_v1).is_challenged_by(models.good_v2)
    with story.traffic(rate=100) as answers:
        story.then().has_evidence(50)
        with statistics_cut_off(story.scene.cluster):
            story.then().says("RouterIsSilent")
            silent = story.then().is_answered(answers, since=time.time(), count=500)
            held = exposures(story.scene.trial())
            passing = story.scene.condition("TrafficShifted")
        story.then().has_evidence(held + 100)

    assert answers.failed() == []
    assert silent.variants() == {story.scene.variant(models.good_v1.spec), challenger}
    assert passing["status"] == "Unknown"
    assert exposures(story.scene.trial()) <= len(answers.of(challenger))


def test_a_pinned_request_meets_its_variant_and_is_no_evidence(story: Story, models: Models) -> None:
    challenger = story.given(models.good_v1).is_challenged_by(models.good_v2)
    with story.traffic(rate=50, headers={names.PIN_HEADER: challenger}) as pinned:
        found = story.then().is_answered(pinned, since=time.time(), count=300)

    assert found.variants() == {challenger}
    assert exposures(story.scene.trial()) == 0


def test_at_rest_nothing_is_written(story: Story, models: Models) -> None:
    story.given(models.good_v1).serves()
    time.sleep(5)  # for what the last change of the status woke
    began = datetime.now(UTC)
    time.sleep(30)
    asked = asked_since(story.scene.cluster, began)

    assert [
        event["requestURI"]
        for event in asked
        if event["verb"] in WRITES and (event.get("objectRef") or {}).get("resource") != "leases"
    ] == []


@pytest.fixture
def neighbour(contender: Cluster, models: Models) -> Iterator[Story]:
    """A ModelDeployment with the embedded router."""
    with fresh_namespace(contender, "neighbour") as name, ExitStack() as stack:
        told = Story(Scene(contender, name), stack)
        told.given(models.good_v1).serves()
        yield told


def test_a_gateways_api_that_comes_late_is_found_and_nobody_else_is_disturbed(
    contender: Cluster, namespace: str, neighbour: Story, models: Models
) -> None:
    definition = json.loads(contender.kubectl("get", "crd", HTTPROUTES, "-o", "json"))
    kept = {key: definition["metadata"].get(key) for key in ("name", "annotations", "labels")}
    contender.kubectl("delete", "crd", HTTPROUTES)
    with told_on_a_gateway(contender, namespace) as story:
        try:
            with neighbour.traffic(rate=50) as answers:
                story.apply(models.good_v1)
                story.then().stalled("GatewayApiMissing", "install the Gateway API", within=120)
                neighbour.when().applies(models.good_v2)
                neighbour.then().promoted(models.good_v2)
        finally:
            restored = {"apiVersion": definition["apiVersion"], "kind": definition["kind"], "metadata": kept}
            contender.kubectl("create", "-f", "-", input=json.dumps({**restored, "spec": definition["spec"]}))
        story.then().serves(models.good_v1, within=120)

    assert answers.failed() == []
