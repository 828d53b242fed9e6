"""The same request answered by two real servers, one of them by a copy: what the operator makes of their answers."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from contender.api import Guardrail, Measure
from contender.measure import Silent
from contender.measure.answers import recording
from contender.observation import Recording, Route
from contender.rollout.paired import Paired
from contender.rollout.pairs import SETTLED, Joined, count, join
from tests import models
from tests.models import FAILING_PIXEL
from tests.router.namespace import NAMESPACE, Deployment
from tests.router.pods import MODEL_PORT, addresses, eventually
from tests.serving.process import Server

pytestmark = pytest.mark.asyncio(loop_scope="module")

A, B = "aaaaaaaa", "bbbbbbbb"
ERRORS = Guardrail(Measure.ERRORS, None, 1.25, 0.001)
BODIES = [models.v2_request(row[None]) for row in models.traffic(60, {FAILING_PIXEL: 0.5})]


def started(folder: Path, write: Callable[[Path], object]) -> tuple[Server, str]:
    """A real server of a model, and its address."""
    write(folder / "bundle")
    address = next(addresses)
    settings = {"CONTENDER_HOST": address, "CONTENDER_PORT": str(MODEL_PORT), "CONTENDER_GRPC_PORT": "0"}
    return Server(folder, folder / "termination-log", settings), f"{address}:{MODEL_PORT}"


@pytest_asyncio.fixture(loop_scope="module")
async def shadowed(deployment: Deployment, tmp_path: Path) -> AsyncIterator[tuple[str, str]]:
    """A good champion, and a challenger that fails at times and gets copies: where each listens."""
    champion, theirs = started(tmp_path / A, models.good_v1)
    challenger, ours = started(tmp_path / B, lambda path: models.failing(path, FAILING_PIXEL, "failing"))
    try:
        for variant, address in ((A, theirs), (B, ours)):
            host = f"{deployment.name}-{variant}.{NAMESPACE}.svc.cluster.local"
            deployment.namespace.names.hosts[host] = [address.partition(":")[0]]
            await eventually(partial(is_ready, deployment, address), bool)
        await deployment.route(Route(A, B, 0), A, B, shadows=(B,))
        await deployment.route(Route(A, B, 0, mirror=100), A, B, shadows=(B,))
        for address in (theirs, ours):
            await read(deployment, address)  # from now on, for a while, it remembers
        yield theirs, ours
    finally:
        champion.close()
        challenger.close()


async def is_ready(deployment: Deployment, address: str) -> bool:
    try:
        async with deployment.namespace.session.get(f"http://{address}/v2/health/ready") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def read(deployment: Deployment, address: str) -> Recording | None:
    try:
        return await recording(deployment.namespace.session, address)
    except Silent:
        return None


async def settled(deployment: Deployment, address: str, number: int) -> list[Recording]:
    """What the server remembers once it is so many answers, as if they had settled."""
    told = await eventually(
        lambda: read(deployment, address), lambda told: told is not None and len(told.answers) >= number
    )
    assert told is not None
    old = tuple(replace(answer, age=answer.age + SETTLED) for answer in told.answers)
    return [replace(told, answers=old)]


async def test_each_request_is_joined_with_its_copy(deployment: Deployment, shadowed: tuple[str, str]) -> None:
    statuses = []
    for body in BODIES:
        url = f"{deployment.url}/v2/models/churn/infer"
        async with deployment.namespace.session.post(url, data=body) as answer:
            statuses.append(answer.status)
    theirs, ours = [await settled(deployment, address, len(BODIES)) for address in shadowed]
    pairs, joined = join(Joined(), theirs, ours)
    failed = sum(answer.status == 500 for answer in ours[0].answers)

    assert statuses == [200] * len(BODIES)
    assert joined.number == len(BODIES)
    assert 0 < failed < len(BODIES)
    assert count(pairs, ERRORS) == Paired(both=0, challenger_only=failed, champion_only=0)
