"""A variant's pods behind a real Envoy: they come, go and die, and clients should not know."""

import asyncio

import pytest
from aiohttp import web

from contender.observation import Route
from tests.router.namespace import Deployment
from tests.router.pods import ModelPod, eventually, well

pytestmark = pytest.mark.asyncio(loop_scope="module")

A = "aaaaaaaa"


async def asked_until_met(deployment: Deployment, pod: ModelPod) -> None:
    async def ask() -> int:
        await deployment.ask()
        return len(pod.headers)

    await eventually(ask, lambda met: met > 0)


async def test_a_new_pod_gets_requests_as_soon_as_it_has_a_name(deployment: Deployment) -> None:
    old, new = await deployment.variant(A, pods=2)
    deployment.resolve(A, old)
    await deployment.route(Route(A), A)
    deployment.resolve(A, old, new)

    await asked_until_met(deployment, new)


async def test_a_pod_that_leaves_answers_what_it_has_and_gets_nothing_more(deployment: Deployment) -> None:
    go_on = asyncio.Event()

    async def held(request: web.BaseRequest) -> web.StreamResponse:
        await go_on.wait()
        return await well(request)

    leaving, staying = await deployment.variant(A, pods=2)
    deployment.resolve(A, leaving)
    leaving.respond = held
    await deployment.route(Route(A), A)
    last = asyncio.create_task(deployment.ask())
    await deployment.until(lambda pod: pod.active[A] == 1)
    leaving.respond = well
    deployment.resolve(A, staying)
    await asked_until_met(deployment, staying)
    before = len(leaving.headers)
    answers = await deployment.ask_often(20)
    go_on.set()

    assert (await last)[0] == 200
    assert {status for status, _, _ in answers} == {200}
    assert len(leaving.headers) == before


async def test_a_dead_pod_that_still_has_its_name_costs_clients_nothing(deployment: Deployment) -> None:
    dead, _ = await deployment.variant(A, pods=2)
    await deployment.route(Route(A), A)
    await asked_until_met(deployment, dead)
    await dead.stop()
    answers = await deployment.ask_often(100)

    assert {status for status, _, _ in answers} == {200}


async def test_a_variant_whose_pods_are_all_dead_is_answered_for_by_the_router(deployment: Deployment) -> None:
    (dead,) = await deployment.variant(A)
    await deployment.route(Route(A), A)
    await dead.stop()
    status, variant, _ = await deployment.ask()

    assert (status, variant) == (503, A)


async def test_a_request_keeps_its_id_and_path_and_gets_an_id_when_it_has_none(deployment: Deployment) -> None:
    paths: list[str] = []

    async def noted(request: web.BaseRequest) -> web.StreamResponse:
        paths.append(request.path_qs)
        return web.json_response({}, headers={"server": "the-model"})

    (pod,) = await deployment.variant(A, noted)
    await deployment.route(Route(A), A)
    await deployment.ask("/v2/models/churn/infer?x=1", x_request_id="mine")
    await deployment.ask("/v2/../v1/ready")
    named, unnamed = pod.headers

    assert paths == ["/v2/models/churn/infer?x=1", "/v1/ready"]
    assert named["x-request-id"] == "mine"
    assert unnamed["x-request-id"]
    assert "x-envoy-internal" not in named
