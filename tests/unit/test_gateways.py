"""What is known of the cluster's Gateways, against an API server that has them, has them not, or will not say."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from contender import names
from contender.api import ModelDeployment
from contender.cluster import kinds
from contender.cluster.client import Client, Missing
from contender.cluster.errors import Refused, Transient
from contender.cluster.gateways import Gateways
from contender.cluster.kinds import Kind, Object
from contender.cluster.store import Store
from contender.measure.gateway import CONTROLLER
from contender.observation import Problem
from tests.unit.test_manifests import owner

GATEWAY = {"parentRefs": [{"name": "public", "namespace": "gateways"}], "hostnames": ["churn.example.com"]}
OURS = owner(traffic={"timeout": "30s", "gateway": GATEWAY})
USER: dict[str, Any] = {
    "metadata": {"namespace": "team-a", "name": "churn", "resourceVersion": "1"},
    "spec": {"traffic": {"gateway": GATEWAY}},
}
PUBLIC = {"spec": {"gatewayClassName": "envoy"}}


@dataclass
class ApiServer:
    routes: Sequence[Object] | Exception = ()
    events: Sequence[Object] = ()
    objects: Mapping[str, Object] = field(default_factory=dict)

    async def list(self, kind: Kind, namespace: str | None, selector: str | None = None) -> Any:
        assert (kind, namespace, selector) == (kinds.HTTPROUTE, None, None)
        if isinstance(self.routes, Exception):
            raise self.routes
        return self.routes, "10"

    async def watch(self, kind: Kind, namespace: str | None, version: str) -> AsyncIterator[Object]:
        assert (kind, namespace, version) == (kinds.HTTPROUTE, None, "10")
        for event in self.events:
            yield event

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        assert namespace == {kinds.GATEWAY: "gateways", kinds.GATEWAYCLASS: None}[kind]
        return self.objects.get(name)


def route(name: str = "churn", host: str = "churn.example.com", age: str = "1", uid: str = "u1", **spec: Any) -> Object:
    metadata = {
        "name": name,
        "namespace": "team-a",
        "resourceVersion": "5",
        "creationTimestamp": age,
        "labels": names.route_labels(name),
        "ownerReferences": [{"uid": uid}],
    }
    parents = [{"name": "public", "namespace": "gateways"}]
    return {"metadata": metadata, "spec": {"parentRefs": parents, "hostnames": [host], **spec}}


async def followed(server: ApiServer) -> Gateways:
    """After one round of watching."""
    store = Store()
    store.put(kinds.MODELDEPLOYMENT, USER)
    gateways = Gateways(cast(Client, server), store)
    with pytest.raises(Transient, match="not read yet"):
        gateways.route(OURS)
    with suppress(Missing, Refused):
        [event async for event in gateways.follow(None)]
    return gateways


async def test_a_route_is_told_of_when_all_were_read_and_only_if_it_is_ours() -> None:
    mine, theirs = await followed(ApiServer([route()])), await followed(ApiServer([route(uid="u2")]))

    assert mine.route(OURS) is not None
    assert theirs.route(OURS) is None


async def test_nothing_is_asked_while_nobody_names_a_gateway() -> None:
    store, server = Store(), ApiServer(AssertionError("it was asked"))
    store.put(kinds.MODELDEPLOYMENT, {**USER, "spec": {"traffic": {"timeout": "30s"}}})
    gateways = Gateways(cast(Client, server), store)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(gateways.follow(None)), 0.1)
    store.put(kinds.MODELDEPLOYMENT, {**USER, "metadata": {**USER["metadata"], "resourceVersion": "2"}})

    with pytest.raises(AssertionError, match="it was asked"):
        await anext(gateways.follow(None))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Missing("GET answered 404"), "GatewayApiMissing"),
        (Refused(Problem("Forbidden", "httproutes is forbidden")), "GatewayForbidden"),
    ],
)
async def test_without_the_api_or_the_right_to_it_that_is_what_is_told(error: Exception, reason: str) -> None:
    gateways = await followed(ApiServer(error))
    found = await gateways.gateway(OURS, CONTROLLER)

    assert isinstance(found, Problem)
    assert found.reason == reason
    assert gateways.route(OURS) is None


async def test_an_api_that_goes_takes_what_was_known_of_it_along_and_one_that_comes_is_found() -> None:
    server = ApiServer([route()], objects={"public": PUBLIC, "envoy": {"spec": {"controllerName": CONTROLLER}}})
    gateways = await followed(server)
    server.routes = Missing("GET answered 404")
    with pytest.raises(Missing):
        [event async for event in gateways.follow(None)]
    gone = gateways.route(OURS)
    server.routes = [route()]
    [event async for event in gateways.follow(None)]

    assert gone is None
    assert gateways.route(OURS) is not None
    assert await gateways.gateway(OURS, CONTROLLER) == PUBLIC


async def test_a_watch_that_cannot_go_on_is_begun_anew() -> None:
    gone = {"type": "ERROR", "object": {"code": 410}}
    gateways = await followed(ApiServer(events=[gone, {"type": "ADDED", "object": route()}]))

    assert gateways.route(OURS) is None


@pytest.mark.parametrize(
    ("objects", "reason"),
    [
        ({}, "GatewayMissing"),
        ({"public": PUBLIC}, "GatewayUnreadable"),
        ({"public": PUBLIC, "envoy": {"spec": {"controllerName": "example.com/other"}}}, "GatewayUnreadable"),
    ],
)
async def test_a_gateway_that_cannot_be_used_is_named(objects: Mapping[str, Object], reason: str) -> None:
    found = await (await followed(ApiServer(objects=objects))).gateway(OURS, CONTROLLER)

    assert isinstance(found, Problem)
    assert found.reason == reason
    assert "public" in found.message


def named(deployment: ModelDeployment, name: str) -> ModelDeployment:
    return replace(deployment, name=name)


async def test_a_hostname_belongs_to_whoever_has_it_and_of_two_who_have_it_to_the_older() -> None:
    first, second = route("first", age="1"), route("second", age="2")
    both, one = await followed(ApiServer([first, second])), await followed(ApiServer([second]))

    assert both.claimed(named(OURS, "first")) == {}
    assert both.claimed(named(OURS, "second")) == {"churn.example.com": "team-a/first"}
    assert one.claimed(named(OURS, "first")) == {"churn.example.com": "team-a/second"}


@pytest.mark.parametrize(
    "other",
    [
        route("other", host="other.example.com"),
        route("other", parentRefs=[{"name": "public", "namespace": "elsewhere"}]),
    ],
    ids=["another hostname", "another Gateway"],
)
async def test_what_others_have_elsewhere_is_no_claim(other: Object) -> None:
    assert (await followed(ApiServer([other]))).claimed(OURS) == {}
