"""Copies of live requests, on a real Envoy: who gets them, who waits for them, and what is counted."""

import asyncio
import io

import pytest
from aiohttp import web

from contender.manifests.routes.envoy import COPIES
from contender.observation import Route, RouterPod
from tests.router.namespace import TIMEOUT, Deployment
from tests.router.pods import ModelPod, Respond, well

pytestmark = pytest.mark.asyncio(loop_scope="module")

A, B = "aaaaaaaa", "bbbbbbbb"
ALL = Route(A, B, 0, mirror=100)


async def badly(_: web.BaseRequest) -> web.StreamResponse:
    return web.json_response({}, status=500)


def held_until(go_on: asyncio.Event) -> Respond:
    async def respond(request: web.BaseRequest) -> web.StreamResponse:
        await go_on.wait()
        return await well(request)

    return respond


async def shadowed(
    deployment: Deployment, route: Route = ALL, respond: Respond = well, seconds: float = TIMEOUT
) -> tuple[ModelPod, ModelPod]:
    """A champion whose requests are copied to a challenger that answers so."""
    (champion,) = await deployment.variant(A)
    (challenger,) = await deployment.variant(B, respond)
    await deployment.route(Route(A, B, 0), A, B, shadows=(B,))
    await deployment.route(route, A, B, shadows=(B,), seconds=seconds)
    return champion, challenger


async def copies(deployment: Deployment, completed: int) -> RouterPod:
    return await deployment.until(lambda pod: pod.shadows[B].completed >= completed)


async def test_the_challenger_gets_a_copy_and_its_answer_reaches_nobody(deployment: Deployment) -> None:
    champion, challenger = await shadowed(deployment, respond=badly)
    answers = await deployment.ask_often(20)
    pod = await copies(deployment, 20)

    assert answers == [(200, A, '{"outputs": []}')] * 20
    assert (len(champion.headers), len(challenger.headers)) == (20, 20)
    assert (pod.counters[A].completed, pod.counters[A].errors) == (20, 0)
    assert (pod.counters[B].completed, pod.counters[B].errors) == (0, 0)
    assert (pod.shadows[B].completed, pod.shadows[B].errors) == (20, 20)


async def test_a_copy_has_the_id_and_the_host_of_its_request(deployment: Deployment) -> None:
    champion, challenger = await shadowed(deployment)
    await deployment.ask(host="churn.example")
    await deployment.ask(host="churn.example", x_request_id="chosen-by-the-client")
    await copies(deployment, 2)
    ids, copied = ([each["x-request-id"] for each in pod.headers] for pod in (champion, challenger))

    assert sorted(ids) == sorted(copied)
    assert len(set(ids)) == 2
    assert "chosen-by-the-client" in ids
    assert {each["host"] for each in challenger.headers} == {"churn.example"}


async def test_with_sticky_users_requests_are_copied_before_the_first_share_and_then_split_by_user(
    deployment: Deployment,
) -> None:
    sticky = {"header": "x-user-id"}
    (champion,) = await deployment.variant(A)
    (challenger,) = await deployment.variant(B)
    await deployment.route(Route(A, B, 0), A, B, shadows=(B,), sticky=sticky)
    await deployment.route(ALL, A, B, shadows=(B,), sticky=sticky)
    rehearsed = [await deployment.ask(x_user_id=f"user-{user}") for user in range(20)]
    await copies(deployment, 20)
    seen = len(champion.headers), len(challenger.headers)
    await deployment.route(Route(A, B, 50), A, B, shadows=(B,), sticky=sticky)
    first = [(await deployment.ask(x_user_id=f"user-{user}"))[1] for user in range(20)]
    again = [(await deployment.ask(x_user_id=f"user-{user}"))[1] for user in range(20)]

    assert {variant for _, variant, _ in rehearsed} == {A}
    assert seen == (20, 20)
    assert set(first) == {A, B}
    assert first == again


async def test_a_part_of_the_requests_is_copied(deployment: Deployment) -> None:
    _, challenger = await shadowed(deployment, Route(A, B, 0, mirror=30))
    await deployment.ask_often(500)

    assert 100 <= len(challenger.headers) <= 200


async def test_a_pinned_request_is_not_copied(deployment: Deployment) -> None:
    _, challenger = await shadowed(deployment)
    for variant in (A, B):
        assert (await deployment.ask(x_contender_variant=variant))[1] == variant
    await deployment.ask()
    pod = await copies(deployment, 1)

    assert len(challenger.headers) == 2  # the one that named it, and the copy
    assert pod.shadows[B].completed == 1


async def test_a_copy_is_never_tried_again(deployment: Deployment) -> None:
    async def breaks_off(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    _, challenger = await shadowed(deployment, respond=breaks_off)
    answers = await deployment.ask_often(10)
    counted = (await copies(deployment, 10)).shadows[B]

    assert {status for status, _, _ in answers} == {200}
    assert len(challenger.headers) == 10
    assert (counted.errors, counted.retries) == (10, 0)


async def test_nobody_waits_for_a_challenger_that_hangs_and_it_counts_as_timeouts(deployment: Deployment) -> None:
    go_on = asyncio.Event()
    await shadowed(deployment, respond=held_until(go_on), seconds=3.0)  # time enough to see them wait
    answers = await deployment.ask_often(10)
    during = await deployment.until(lambda pod: bool(pod.active[B]))
    counted = (await copies(deployment, 10)).shadows[B]
    go_on.set()

    assert {status for status, _, _ in answers} == {200}
    assert during.counters[A].timeouts == 0
    assert (counted.errors, counted.timeouts, counted.shed) == (10, 10, 0)


async def test_copies_beyond_the_bound_are_shed_and_told_apart_from_errors(deployment: Deployment) -> None:
    go_on = asyncio.Event()
    await shadowed(deployment, respond=held_until(go_on))
    answers = await asyncio.gather(*(deployment.ask() for _ in range(4 * COPIES)))
    await deployment.until(lambda pod: pod.shadows[B].shed > 0)
    go_on.set()
    counted = (await copies(deployment, 4 * COPIES)).shadows[B]

    assert {status for status, _, _ in answers} == {200}
    assert counted.shed == counted.errors >= 4 * COPIES - 2 * COPIES  # those under way, and those that wait for one
    assert counted.rejected == 0


async def test_a_body_that_the_challenger_does_not_read_does_not_hold_up_the_champion(deployment: Deployment) -> None:
    go_on, sizes = asyncio.Event(), []

    async def measure(request: web.BaseRequest) -> web.StreamResponse:
        sizes.append(sum([len(part) async for part in request.content.iter_any()]))
        return await well(request)

    async def later(request: web.BaseRequest) -> web.StreamResponse:
        await go_on.wait()
        return await measure(request)

    champion, _ = await shadowed(deployment, respond=later)
    champion.respond = measure
    body = bytes(4_000_000)
    async with deployment.namespace.session.post(deployment.url, data=io.BytesIO(body)) as answer:
        assert answer.status == 200
    first = list(sizes)
    go_on.set()
    await copies(deployment, 1)

    assert first == [len(body)]
    assert sizes == [len(body)] * 2


async def test_requests_are_copied_to_nobody_once_the_route_says_so(deployment: Deployment) -> None:
    _, challenger = await shadowed(deployment)
    await deployment.ask()
    await copies(deployment, 1)
    stopped = await deployment.route(Route(A, B, 5), A, B, shadows=(B,))
    await deployment.route(Route(A), A, B)
    await deployment.ask_often(5)
    gone = await deployment.until(lambda pod: not pod.shadows)

    assert stopped.route == Route(A, B, 5)
    assert len(challenger.headers) == 1
    assert gone.clusters == {A, B}


async def test_a_router_that_lacks_the_cluster_for_copies_answers_all_the_same(deployment: Deployment) -> None:
    await deployment.variant(A)
    await deployment.variant(B)
    await deployment.route(ALL, A, B)
    answers = await deployment.ask_often(5)

    assert {status for status, _, _ in answers} == {200}
