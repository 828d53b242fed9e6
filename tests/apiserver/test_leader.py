"""Leader election between real processes, on a real API server."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from contender.leader import LEASE_SECONDS
from tests.apiserver.candidate import LEASE
from tests.cluster import Cluster

ROOT = Path(__file__).parents[2]
PATIENCE = 180  # seconds until a test that hangs is called failed

Start = Callable[[str], Awaitable[Process]]


@pytest.fixture
async def start(cluster: Cluster, namespace: str) -> AsyncIterator[Start]:
    started: list[Process] = []

    async def candidate(identity: str) -> Process:
        where = (str(cluster.kubeconfig), cluster.context, namespace)
        command = (sys.executable, "-m", "tests.apiserver.candidate", *where, identity)
        started.append(await asyncio.create_subprocess_exec(*command, stdout=PIPE, cwd=ROOT))
        return started[-1]

    yield candidate
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def leading(process: Process) -> None:
    assert process.stdout
    async with asyncio.timeout(PATIENCE):
        line = await process.stdout.readline()
    assert line == b"leads\n"


async def ended(process: Process) -> int:
    async with asyncio.timeout(PATIENCE):
        return await process.wait()


def lease(cluster: Cluster, namespace: str) -> dict[str, Any]:
    found = json.loads(cluster.kubectl("get", "lease", LEASE, "--namespace", namespace, "--output", "json"))
    spec: dict[str, Any] = found["spec"]
    return spec


async def test_a_killed_leader_is_followed_by_the_one_that_stood_by(
    start: Start, cluster: Cluster, namespace: str
) -> None:
    first = await start("first")
    await leading(first)
    second = await start("second")
    first.kill()
    await leading(second)

    assert lease(cluster, namespace)["holderIdentity"] == "second"
    assert lease(cluster, namespace)["leaseTransitions"] == 2


async def test_a_leader_that_stops_in_good_order_is_followed_before_its_lease_would_have_run_out(
    start: Start, cluster: Cluster, namespace: str
) -> None:
    first = await start("first")
    await leading(first)
    first.terminate()

    assert await ended(first) == 0

    given_back = lease(cluster, namespace)
    second = await start("second")
    await leading(second)
    taken = lease(cluster, namespace)

    assert "holderIdentity" not in given_back
    assert taken["holderIdentity"] == "second"
    assert (moment(taken["acquireTime"]) - moment(given_back["renewTime"])).total_seconds() < LEASE_SECONDS


async def test_a_frozen_leader_ends_with_an_error_when_it_wakes_and_another_leads(
    start: Start, cluster: Cluster, namespace: str
) -> None:
    first = await start("first")
    await leading(first)
    first.send_signal(signal.SIGSTOP)
    second = await start("second")
    await leading(second)
    first.send_signal(signal.SIGCONT)

    assert await ended(first) == 1
    assert second.returncode is None
    assert lease(cluster, namespace)["holderIdentity"] == "second"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
