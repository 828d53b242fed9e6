"""The files of a namespace under a real Envoy: empty, wrong, changing under load, and a router pod's end."""

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from contender.manifests.routes.blocks import next_block
from contender.manifests.routes.bootstrap import STATS_PORT
from contender.manifests.routes.envoy import CONNECTION_AGE, configmap_data
from contender.observation import Route, Router
from tests.router.namespace import NAMESPACE, TIMEOUT, Deployment, Namespace, namespace_on_loopback
from tests.router.pods import MODEL_PORT, eventually, seen, well

pytestmark = pytest.mark.asyncio(loop_scope="module")

A, B = "aaaaaaaa", "bbbbbbbb"


async def status_of(namespace: Namespace, method: str, path: str) -> int | None:
    url = f"http://{namespace.router.address}:{STATS_PORT}{path}"
    try:
        async with namespace.session.request(method, url) as answer:
            return answer.status
    except aiohttp.ClientConnectionError:
        return None


async def refused(deployment: Deployment) -> bool:
    try:
        await deployment.ask(connection="close")  # a kept one outlives its listener for a while
    except aiohttp.ClientConnectorError:
        return True
    except aiohttp.ClientConnectionError:  # cut off by a listener on its way out
        return False
    return False


async def test_a_router_without_models_is_ready(tmp_path: Path) -> None:
    async with namespace_on_loopback(tmp_path) as namespace:
        await eventually(lambda: status_of(namespace, "GET", "/ready"), lambda status: status == 200)


async def test_others_may_read_the_counters_and_nothing_else(namespace: Namespace) -> None:
    await eventually(lambda: status_of(namespace, "GET", "/ready"), lambda status: status == 200)

    assert await status_of(namespace, "GET", "/stats/prometheus?usedonly") == 200
    assert await status_of(namespace, "POST", "/stats/prometheus") == 404
    assert await status_of(namespace, "POST", "/quitquitquit") == 404
    assert await status_of(namespace, "GET", "/config_dump") == 404
    assert await status_of(namespace, "GET", "/stats/prometheus/../../config_dump") == 404


async def test_a_refused_file_leaves_the_last_good_one_and_the_next_good_one_is_taken(deployment: Deployment) -> None:
    await deployment.variant(A)
    await deployment.variant(B)
    await deployment.route(Route(A), A, B)
    namespace = deployment.namespace
    good = configmap_data(NAMESPACE, namespace.blocks)
    broken = json.loads(good["cds.json"])
    broken["resources"][0]["connect_timeout"] = "soon"
    namespace.router.publish({**good, "cds.json": json.dumps(broken), "rds.json": "{"})
    during = await deployment.ask_often(20)
    after = await deployment.route(Route(B), A, B)

    assert during == [(200, A, '{"outputs": []}')] * 20
    assert after.route == Route(B)


async def test_one_model_goes_and_the_others_stay(namespace: Namespace) -> None:
    staying, going = namespace.deployment(), namespace.deployment()
    for deployment in (staying, going):
        await deployment.variant(A)
        await deployment.route(Route(A), A)
    del namespace.blocks[going.name]
    namespace.publish()
    await going.until(lambda pod: not pod.clusters)
    await eventually(lambda: refused(going), bool)

    assert (await staying.ask())[:2] == (200, A)


async def test_a_promotion_from_first_block_to_last_cluster_fails_no_request(deployment: Deployment) -> None:
    await deployment.variant(A)
    await deployment.variant(B)
    await deployment.route(Route(A), A)
    answers: list[tuple[int, str | None, str]] = []

    async def load() -> None:
        while True:
            answers.append(await deployment.ask())

    async with asyncio.TaskGroup() as clients:
        loads = [clients.create_task(load()) for _ in range(4)]
        for share in (5, 50):
            await walk(deployment, Route(A, B, share))
        await walk(deployment, Route(B))
        for each in loads:
            each.cancel()

    assert {status for status, _, _ in answers} == {200}
    assert {variant for _, variant, _ in answers} == {A, B}
    assert deployment.namespace.blocks[deployment.name].clusters == (B,)


async def walk(deployment: Deployment, wanted: Route) -> None:
    """What the operator does: look, write the next block, look again, until all is as wanted."""
    namespace = deployment.namespace

    async def look_and_write() -> bool:
        pod = await seen(namespace.session, namespace.router, deployment.name)
        old = namespace.blocks[deployment.name]
        router = Router(old, () if pod is None else (pod,), () if pod else ("router",), frozenset())
        block = next_block(wanted, deployment.port, TIMEOUT, {A: MODEL_PORT, B: MODEL_PORT}, router)
        if block != old:
            namespace.blocks[deployment.name] = block
            namespace.publish()
        named = {wanted.champion, wanted.challenger} - {None}
        return pod is not None and pod.route == wanted and pod.clusters == named

    await eventually(look_and_write, lambda arrived: arrived)


SOON_OLD = {f'"max_connection_duration":"{CONNECTION_AGE}s"': '"max_connection_duration":"1s"'}


async def told_to_connect_anew(deployment: Deployment) -> bool:
    """A request that fails raises."""
    async with deployment.namespace.session.post(deployment.url) as answer:
        return answer.status == 200 and answer.headers.get("connection") == "close"


async def test_a_client_that_keeps_its_connection_leaves_a_router_pod_without_a_failed_request(tmp_path: Path) -> None:
    async with namespace_on_loopback(tmp_path, SOON_OLD) as namespace:
        deployment = namespace.deployment()
        await deployment.variant(A)
        await deployment.route(Route(A), A)

        await eventually(lambda: told_to_connect_anew(deployment), bool)


async def test_an_answer_that_outlasts_its_connections_age_is_not_cut(tmp_path: Path) -> None:
    async def slow(request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(2)
        return await well(request)

    async with namespace_on_loopback(tmp_path, SOON_OLD) as namespace:
        deployment = namespace.deployment()
        await deployment.variant(A, slow)
        await deployment.route(Route(A), A)

        assert (await deployment.ask())[:2] == (200, A)
