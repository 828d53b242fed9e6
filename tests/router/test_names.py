"""ModelDeployments whose names look like something else, together under one real Envoy; and clients that try things."""

import json
from collections.abc import Mapping

import pytest

from contender.observation import Route
from tests.router.namespace import Deployment, Namespace

pytestmark = pytest.mark.asyncio(loop_scope="module")

A, B = "aaaaaaaa", "bbbbbbbb"
FIRST_PORT = 10_100

# What is reserved somewhere: in YAML, in our files, in Envoy; each beside one that begins or ends as it does.
NAMES = (
    "null", "true", "stats", "admin", "contender", "contender-router", "cds", "lds", "rds", "block", "live",
    "x-contender-variant", "a", "a-a", "a--a", "a-aaaaaaaa", "a" * 50, "localhost", "cluster", "listener-a",
)  # fmt: skip
STICKY: list[Mapping[str, str]] = [
    *({"header": name} for name in ("-", "Host", "Content-Length", "Connection", "A" * 64)),
    *({"cookie": name} for name in ("_", "-", "__Host-a", "a" * 64)),
]
TRIES = {
    "another model's routes": {"x-contender-modeldeployment": "null"},
    "another model's routes, twice over": {"X-Contender-Modeldeployment": "null, true"},
    "another address": {"x-envoy-original-dst-host": "127.0.0.1:9901", "x-forwarded-host": "127.0.0.1:9901"},
    "another path": {"x-envoy-original-path": "/quitquitquit", "x-original-url": "/quitquitquit"},
    "more tries": {"x-envoy-max-retries": "1000", "x-envoy-retry-on": "5xx"},
    "another timeout": {"x-envoy-upstream-rq-timeout-ms": "1"},
    "Envoy's own format": {"x-request-id": "%REQ(authorization)%", "user-agent": "%DYNAMIC_METADATA(a)%"},
}
PINS = ('"}', f"{A}\t{B}", "%REQ(authorization)%", f"{A},{B}", "../admin", "*", f"{A} ", "é")


async def test_models_of_whatever_names_are_each_answered_by_their_own_pods(namespace: Namespace) -> None:
    deployments = [Deployment(namespace, name, FIRST_PORT + number) for number, name in enumerate(NAMES)]
    pods = [(await deployment.variant(A))[0] for deployment in deployments]
    for deployment in deployments:
        await deployment.route(Route(A), A)
    for pod in pods:
        pod.headers.clear()
    for number, deployment in enumerate(deployments):
        assert (await deployment.ask())[:2] == (200, A), deployment.name
        assert [len(pod.headers) for pod in pods] == [1] * (number + 1) + [0] * (len(pods) - number - 1)


@pytest.mark.parametrize("sticky", STICKY, ids=str)
async def test_whatever_the_schema_takes_for_a_header_or_a_cookie_envoy_takes(
    deployment: Deployment, sticky: Mapping[str, str]
) -> None:
    await deployment.variant(A)
    await deployment.variant(B)
    await deployment.route(Route(A, B, 50), A, B, sticky=sticky)

    assert {status for status, _, _ in await deployment.ask_often(5)} == {200}


@pytest.mark.parametrize("wanted", TRIES)
async def test_a_client_gets_nothing_else_by_headers(namespace: Namespace, wanted: str) -> None:
    mine = namespace.deployment()
    (pod,) = await mine.variant(A)
    await mine.route(Route(A), A)

    assert await mine.ask(**TRIES[wanted]) == (200, A, '{"outputs": []}')
    assert len(pod.headers) == 1


@pytest.mark.parametrize("pin", PINS)
async def test_a_pin_that_names_no_variant_is_refused_in_sound_json_or_taken_for_what_it_says(
    deployment: Deployment, pin: str
) -> None:
    await deployment.variant(A)
    await deployment.route(Route(A), A)
    status, variant, body = await deployment.ask(x_contender_variant=pin)

    if pin.strip() == A:  # blanks around a header's value are no part of it
        assert (status, variant) == (200, A)
    else:
        assert status == 404
        assert json.loads(body)["error"].endswith(f"use {A}, or leave the header out")
