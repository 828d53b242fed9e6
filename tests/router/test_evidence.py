"""What the operator reads from a real Envoy, against what its clients met."""

import asyncio
import re

import pytest
from aiohttp import web

from contender.ladder import EDGES
from contender.manifests.routes.bootstrap import STATS_PORT
from contender.measure import Silent
from contender.measure.envoy import Question, scrape
from contender.observation import Route
from tests.router.namespace import Deployment
from tests.router.pods import Respond, well

pytestmark = pytest.mark.asyncio(loop_scope="module")

A, B = "aaaaaaaa", "bbbbbbbb"


def answering(*statuses: int) -> Respond:
    """One of `statuses` after the other; 0 is a connection that ends without an answer."""
    left = list(statuses)

    async def respond(request: web.BaseRequest) -> web.StreamResponse:
        status = left.pop(0)
        if status == 0 and request.transport is not None:
            request.transport.abort()
        return web.json_response({}, status=status or 200)

    return respond


async def test_what_the_model_refuses_is_rejected_but_not_what_the_client_had_no_right_to(
    deployment: Deployment,
) -> None:
    statuses = [200, 400, 401, 403, 404, 422, 429]
    await deployment.variant(A, answering(*statuses))
    await deployment.route(Route(A), A)
    answers = [await deployment.ask() for _ in statuses]
    counters = (await deployment.until(lambda pod: pod.counters[A].completed == len(statuses))).counters[A]

    assert [status for status, _, _ in answers] == statuses
    assert (counters.rejected, counters.errors, counters.retries) == (3, 0, 0)


async def test_a_5xx_is_an_answer_and_is_not_tried_again(deployment: Deployment) -> None:
    (pod,) = await deployment.variant(A, answering(500, 503, 200))
    await deployment.route(Route(A), A)
    asked = {
        "x_envoy_retry_on": "5xx",
        "x_envoy_max_retries": "3",
    }  # what a client could ask of an Envoy that trusts it
    answers = [(await deployment.ask(**asked))[:2] for _ in range(2)]
    counters = (await deployment.until(lambda pod: pod.counters[A].completed == 2)).counters[A]

    assert answers == [(500, A), (503, A)]
    assert len(pod.headers) == 2
    assert (counters.errors, counters.retries) == (2, 0)


async def test_a_retried_reset_is_hidden_from_the_client_and_not_from_the_evidence(deployment: Deployment) -> None:
    await deployment.variant(A, answering(0, 200))
    await deployment.route(Route(A), A)
    status, _, _ = await deployment.ask()
    counters = (await deployment.until(lambda pod: pod.counters[A].completed == 1)).counters[A]

    assert status == 200
    assert (counters.retries, counters.errors) == (1, 0)


async def test_a_second_reset_is_an_error(deployment: Deployment) -> None:
    await deployment.variant(A, answering(0, 0))
    await deployment.route(Route(A), A)
    status, variant, _ = await deployment.ask()
    counters = (await deployment.until(lambda pod: pod.counters[A].completed == 1)).counters[A]

    assert (status, variant) == (503, A)
    assert (counters.retries, counters.errors) == (1, 1)


async def test_a_timeout_is_an_error_that_the_histogram_never_sees(deployment: Deployment) -> None:
    async def late(_: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(60)
        raise AssertionError("nobody waited for it")

    await deployment.variant(A, late)
    await deployment.variant(B)
    await deployment.route(Route(A), A, B, seconds=0.25)
    status, variant, _ = await deployment.ask()
    await deployment.route(Route(B), A, B)
    await deployment.ask()
    pod = await deployment.until(lambda pod: pod.counters[B].timed == 1)
    counters = pod.counters[A]

    assert (status, variant) == (504, A)
    assert (counters.completed, counters.errors, counters.timeouts, counters.timed) == (1, 1, 1, 0)
    assert pod.active == {A: 0, B: 0}


async def test_an_answer_counts_as_fast_only_for_edges_that_it_met(deployment: Deployment) -> None:
    async def in_60_ms(request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(0.06)
        return await well(request)

    await deployment.variant(A, in_60_ms)
    await deployment.route(Route(A), A)
    for _ in range(5):
        await deployment.ask()
    counters = (await deployment.until(lambda pod: pod.counters[A].timed == 5)).counters[A]

    assert counters.faster[0.05] == 0
    assert counters.faster[30.0] == 5
    assert list(counters.faster.values()) == sorted(counters.faster.values())


async def test_the_histogram_has_an_edge_at_every_bound_and_nowhere_else(deployment: Deployment) -> None:
    await deployment.variant(A)
    await deployment.route(Route(A), A)
    await deployment.ask()
    await deployment.until(lambda pod: pod.counters[A].timed == 1)
    address = f"http://{deployment.namespace.router.address}:{STATS_PORT}/stats/prometheus"
    async with deployment.namespace.session.get(f"{address}?filter=upstream_rq_time") as answer:
        edges = set(
            re.findall(rf'time_bucket{{envoy_cluster_name="{deployment.name}_.*le="([0-9.]+)"', await answer.text())
        )

    assert {float(edge) / 1000 for edge in edges} == set(EDGES)


async def test_a_request_under_way_is_active_until_it_is_answered(deployment: Deployment) -> None:
    go_on = asyncio.Event()

    async def held(request: web.BaseRequest) -> web.StreamResponse:
        await go_on.wait()
        return await well(request)

    await deployment.variant(A, held)
    await deployment.variant(B, held)
    await deployment.route(Route(A), A, B)
    asked = [asyncio.create_task(deployment.ask()), asyncio.create_task(deployment.ask(x_contender_variant=B))]
    during = await deployment.until(lambda pod: pod.active == {A: 1, B: 1})
    go_on.set()
    answers = [(await task)[:2] for task in asked]
    after = await deployment.until(lambda pod: pod.active == {A: 0, B: 0})

    assert answers == [(200, A), (200, B)]
    assert (during.counters[A].completed, during.counters[A].begun) == (0, 1)
    assert (during.counters[B].begun, after.counters[A].begun, after.counters[B].begun) == (0, 1, 0)
    assert (after.counters[A].completed, after.counters[B].completed) == (1, 0)


async def test_counters_go_on_across_shares_and_start_anew_with_the_cluster(deployment: Deployment) -> None:
    await deployment.variant(A)
    await deployment.variant(B)
    await deployment.route(Route(B), A, B)
    await deployment.ask()
    kept = await deployment.route(Route(A), A, B)
    await deployment.route(Route(A), A)
    fresh = await deployment.route(Route(A), A, B)

    assert kept.counters[B].completed == 1
    assert fresh.counters[B].completed == 0


async def test_a_deployment_that_the_router_does_not_know_is_not_there(deployment: Deployment) -> None:
    pod = await scrape(
        deployment.namespace.session,
        deployment.namespace.router.address,
        Question("unknown"),
        name="router-1",
        uid="u1",
    )

    assert (pod.name, pod.uid, pod.listening, pod.route) == ("router-1", "u1", False, None)
    assert not pod.clusters
    assert not pod.counters


async def test_a_router_that_does_not_answer_is_silent(deployment: Deployment) -> None:
    with pytest.raises(Silent, match="router-1"):
        await scrape(
            deployment.namespace.session, "127.81.255.254", Question(deployment.name), name="router-1", uid="u1"
        )
