"""Shares, pins and marks, on a real Envoy."""

import json
from collections import Counter

import pytest

from contender.observation import Route
from tests.router.namespace import Deployment, Namespace

pytestmark = pytest.mark.asyncio(loop_scope="module")

A, B = "aaaaaaaa", "bbbbbbbb"


async def test_a_share_is_live_once_it_can_be_read_back(deployment: Deployment) -> None:
    await deployment.variant(A)
    await deployment.variant(B)
    await deployment.route(Route(A), A, B)
    for route, variant in ((Route(B), B), (Route(A, B, 0), A), (Route(A, B, 100), B), (Route(A), A)):
        pod = await deployment.route(route, A, B)
        answers = await deployment.ask_often(20)

        assert pod.route == route
        assert answers == [(200, variant, '{"outputs": []}')] * 20


async def test_the_challenger_gets_its_share_within_five_points(deployment: Deployment) -> None:
    await deployment.variant(A)
    await deployment.variant(B)
    await deployment.route(Route(A, B, 20), A, B)
    answers = Counter(variant for _, variant, _ in await deployment.ask_often(1000))

    assert set(answers) == {A, B}
    assert 150 <= answers[B] <= 250


async def test_a_request_may_name_its_variant_and_is_no_evidence_then(deployment: Deployment) -> None:
    await deployment.variant(A)
    await deployment.variant(B)
    await deployment.route(Route(A), A, B)
    pinned = await deployment.ask(x_contender_variant=B)
    live = await deployment.ask()
    pod = await deployment.until(lambda pod: pod.counters[A].timed == 1)

    assert (pinned[1], live[1]) == (B, A)
    assert pod.counters[B].completed == 0


async def test_an_unknown_variant_is_answered_with_those_that_exist(deployment: Deployment) -> None:
    await deployment.variant(A)
    await deployment.variant(B)
    await deployment.route(Route(A, B, 0), A, B)
    status, _, body = await deployment.ask(x_contender_variant="v2")

    assert status == 404
    assert json.loads(body)["error"].endswith(f"use {A} or {B}, or leave the header out")


async def test_a_variant_without_a_pod_is_not_there_to_be_routed_to(deployment: Deployment) -> None:
    await deployment.variant(A)
    deployment.resolve(B)
    await deployment.route(Route(A), A)
    deployment.write(Route(A, B, 0), A, B)
    pod = await deployment.until(lambda pod: pod.route == Route(A, B, 0) and B in pod.active)

    assert pod.clusters == {A}


async def test_a_client_cannot_ask_for_another_models_routes(namespace: Namespace) -> None:
    mine, other = namespace.deployment(), namespace.deployment()
    (pod,) = await mine.variant(A)
    await other.variant(B)
    await other.route(Route(B), B)
    await mine.route(Route(A), A)
    _, variant, _ = await mine.ask(x_contender_modeldeployment=other.name, host="anything.example")

    assert variant == A
    assert "x-contender-modeldeployment" not in pod.headers[0]
    assert pod.headers[0]["host"] == "anything.example"
