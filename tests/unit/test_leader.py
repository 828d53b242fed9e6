"""Leader election against a Lease that lives in memory, in time that is skipped instead of waited for."""

import asyncio
import logging
import selectors
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import aiohttp
import pytest
from kubernetes.aio.client import CoordinationV1Api, V1Lease, V1LeaseSpec, V1ObjectMeta
from kubernetes.aio.client.exceptions import ApiException

from contender.leader import LEASE_SECONDS, RENEW_SECONDS, RETRY_SECONDS, Candidate, LeaseLostError


class Impatient(selectors.DefaultSelector):
    """Instead of waiting, remembers how long it should have."""

    skipped = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout:
            self.skipped += timeout
        return ready


class SkippingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._impatient = Impatient()
        super().__init__(self._impatient)

    def time(self) -> float:
        return self._impatient.skipped


class Leases:
    """The API server's part: one Lease, optimistic locking, and failures on demand."""

    def __init__(self) -> None:
        self.spec: V1LeaseSpec | None = None
        self.version = 0
        self.outage: Callable[[], Awaitable[None]] | None = None

    async def read_namespaced_lease(self, *_name: str) -> V1Lease:
        await self._answer()
        if self.spec is None:
            raise ApiException(status=404, reason="Not Found")
        return self._lease()

    async def create_namespaced_lease(self, _namespace: str, body: V1Lease) -> V1Lease:
        await self._answer()
        if self.spec is not None:
            raise ApiException(status=409, reason="AlreadyExists")
        return self._store(body)

    async def replace_namespaced_lease(self, _name: str, _namespace: str, body: V1Lease) -> V1Lease:
        await self._answer()
        if self.spec is None or body.metadata != self._lease().metadata:
            raise ApiException(status=409, reason="Conflict")
        return self._store(body)

    async def _answer(self) -> None:
        await asyncio.sleep(0)
        if self.outage is not None:
            await self.outage()

    def _store(self, body: V1Lease) -> V1Lease:
        self.spec, self.version = body.spec, self.version + 1
        return self._lease()

    def _lease(self) -> V1Lease:
        return V1Lease(metadata=V1ObjectMeta(resource_version=str(self.version)), spec=self.spec)

    def taken_by(self, identity: str) -> None:
        self._store(V1Lease(spec=V1LeaseSpec(holder_identity=identity, lease_duration_seconds=LEASE_SECONDS)))

    @property
    def holder(self) -> str | None:
        return self.spec.holder_identity if self.spec else None

    def candidate(self, identity: str) -> Candidate:
        return Candidate(cast(CoordinationV1Api, self), "contender-system", "contender-operator", identity)


class Work:
    """Never ends by itself, and takes its time to wind up."""

    def __init__(self, wind_up: float = 0) -> None:
        self.running = False
        self.started: float | None = None
        self.wind_up = wind_up

    async def __call__(self) -> None:
        self.running, self.started = True, now()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(self.wind_up)
            self.running = False


async def lead(candidate: Candidate, work: Callable[[], Awaitable[None]]) -> None:
    await candidate.win()
    await candidate.while_held(work)


def now() -> float:
    return asyncio.get_running_loop().time()


async def kill(task: asyncio.Task[None], leases: Leases) -> None:
    """As SIGKILL: nothing more reaches the API server from it."""
    leases.outage = connection_refused
    await cancel(task)
    leases.outage = None


async def cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def connection_refused() -> None:
    raise aiohttp.ClientConnectionError("connection refused")


async def hang() -> None:
    await asyncio.Event().wait()


Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture
def run() -> Iterator[Run]:
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        yield runner.run


@pytest.fixture
def leases() -> Leases:
    return Leases()


def test_the_first_candidate_leads_and_the_second_stands_by(run: Run, leases: Leases) -> None:
    async def scenario() -> None:
        first, second = Work(), Work()
        tasks = [
            asyncio.create_task(lead(leases.candidate("a"), first)),
            asyncio.create_task(lead(leases.candidate("b"), second)),
        ]
        await asyncio.sleep(10 * LEASE_SECONDS)

        assert (first.running, second.running) == (True, False)
        assert leases.holder == "a"

        for task in tasks:
            await cancel(task)

    run(scenario())


def test_a_killed_leader_is_followed_within_one_lease_and_one_look(run: Run, leases: Leases) -> None:
    async def scenario() -> None:
        follower = Work()
        leader = asyncio.create_task(lead(leases.candidate("a"), Work()))
        await asyncio.sleep(1)
        standing_by = asyncio.create_task(lead(leases.candidate("b"), follower))
        await asyncio.sleep(5 * LEASE_SECONDS)
        await kill(leader, leases)
        killed = now()
        await asyncio.sleep(2 * LEASE_SECONDS)

        assert follower.started is not None
        assert follower.started <= killed + LEASE_SECONDS + RETRY_SECONDS
        assert leases.holder == "b"

        await cancel(standing_by)

    run(scenario())


def test_a_leader_that_stops_in_good_order_is_followed_at_the_next_look(run: Run, leases: Leases) -> None:
    async def scenario() -> None:
        follower = Work()
        leader = asyncio.create_task(lead(leases.candidate("a"), Work()))
        await asyncio.sleep(1)
        standing_by = asyncio.create_task(lead(leases.candidate("b"), follower))
        await asyncio.sleep(LEASE_SECONDS)
        await cancel(leader)
        stopped = now()

        assert leases.holder is None

        await asyncio.sleep(LEASE_SECONDS)

        assert follower.started is not None
        assert follower.started <= stopped + RETRY_SECONDS

        await cancel(standing_by)

    run(scenario())


def test_the_lease_is_held_until_the_work_has_wound_up(run: Run, leases: Leases) -> None:
    async def scenario() -> None:
        slow, follower = Work(wind_up=3 * LEASE_SECONDS), Work()
        leader = asyncio.create_task(lead(leases.candidate("a"), slow))
        await asyncio.sleep(1)
        standing_by = asyncio.create_task(lead(leases.candidate("b"), follower))
        await asyncio.sleep(1)
        leader.cancel()
        await asyncio.sleep(2 * LEASE_SECONDS)

        assert (slow.running, follower.running) == (True, False)

        await asyncio.sleep(2 * LEASE_SECONDS)

        assert (slow.running, follower.running) == (False, True)

        await cancel(standing_by)

    run(scenario())


@pytest.mark.parametrize("outage", [connection_refused, hang])
def test_a_leader_that_cannot_renew_stops_before_another_could_take_over(
    run: Run, leases: Leases, outage: Callable[[], Awaitable[None]]
) -> None:
    async def scenario() -> None:
        work = Work()
        task = asyncio.create_task(lead(leases.candidate("a"), work))
        await asyncio.sleep(2 * LEASE_SECONDS + 0.5)
        leases.outage = outage
        began = now()
        with pytest.raises(LeaseLostError, match="could not be renewed"):
            await task

        assert now() - began <= RETRY_SECONDS + RENEW_SECONDS < LEASE_SECONDS

        await asyncio.sleep(0)

        assert not work.running

    run(scenario())


@pytest.mark.parametrize("outage", [connection_refused, hang])
def test_a_short_outage_costs_no_leadership(run: Run, leases: Leases, outage: Callable[[], Awaitable[None]]) -> None:
    async def scenario() -> None:
        work = Work()
        task = asyncio.create_task(lead(leases.candidate("a"), work))
        await asyncio.sleep(LEASE_SECONDS + 0.5)
        leases.outage = outage
        await asyncio.sleep(RENEW_SECONDS / 2)
        leases.outage = None
        await asyncio.sleep(2 * LEASE_SECONDS)

        assert work.running

        await cancel(task)

    run(scenario())


def test_a_leader_that_sees_another_holder_stops_at_once_though_its_work_winds_up_slowly(
    run: Run, leases: Leases
) -> None:
    async def scenario() -> None:
        work = Work(wind_up=60)
        task = asyncio.create_task(lead(leases.candidate("a"), work))
        await asyncio.sleep(LEASE_SECONDS)
        leases.taken_by("b")
        taken = now()
        with pytest.raises(LeaseLostError, match="b leads now"):
            await task

        assert now() <= taken + RETRY_SECONDS
        assert leases.holder == "b"

        await asyncio.sleep(120)

    run(scenario())


def test_a_candidate_survives_an_api_server_that_is_away_when_it_starts(run: Run, leases: Leases) -> None:
    async def scenario() -> None:
        work = Work()
        leases.outage = connection_refused
        task = asyncio.create_task(lead(leases.candidate("a"), work))
        await asyncio.sleep(100)
        leases.outage = None
        await asyncio.sleep(RETRY_SECONDS)

        assert work.running

        await cancel(task)

    run(scenario())


def test_a_restarted_container_leads_on_at_once_under_its_pods_name(run: Run, leases: Leases) -> None:
    async def scenario() -> None:
        before, after = Work(), Work()
        task = asyncio.create_task(lead(leases.candidate("a"), before))
        await asyncio.sleep(LEASE_SECONDS)
        await kill(task, leases)
        killed = now()
        task = asyncio.create_task(lead(leases.candidate("a"), after))
        await asyncio.sleep(LEASE_SECONDS)

        assert after.started == pytest.approx(killed)

        await cancel(task)

    run(scenario())


def test_what_the_work_raises_reaches_the_caller_and_the_lease_is_given_back(run: Run, leases: Leases) -> None:
    async def broken() -> None:
        await asyncio.sleep(LEASE_SECONDS)
        raise RuntimeError("a bug")

    async def scenario() -> None:
        with pytest.raises(RuntimeError, match="a bug"):
            await lead(leases.candidate("a"), broken)

        assert leases.holder is None

    run(scenario())


def test_a_deleted_lease_is_made_anew_by_its_holder(run: Run, leases: Leases) -> None:
    async def scenario() -> None:
        work = Work()
        task = asyncio.create_task(lead(leases.candidate("a"), work))
        await asyncio.sleep(LEASE_SECONDS)
        leases.spec = None
        await asyncio.sleep(RETRY_SECONDS)

        assert leases.holder == "a"
        assert work.running

        await cancel(task)

    run(scenario())


def test_the_lease_tells_people_who_leads_since_when_and_how_often_that_changed(run: Run, leases: Leases) -> None:
    async def scenario() -> None:
        task = asyncio.create_task(lead(leases.candidate("a"), Work()))
        await asyncio.sleep(1)
        first = leases.spec
        await asyncio.sleep(LEASE_SECONDS)
        last = leases.spec

        assert first
        assert first.renew_time
        assert last
        assert last.renew_time
        assert last.acquire_time == first.acquire_time
        assert last.renew_time > first.renew_time > datetime.now(UTC) - timedelta(minutes=1)
        assert (last.lease_duration_seconds, last.lease_transitions) == (LEASE_SECONDS, 1)

        await cancel(task)

    run(scenario())


def test_a_lease_that_began_on_a_whole_second_is_renewed_with_the_decimals_that_the_api_server_wants(
    run: Run, leases: Leases
) -> None:
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    leases.spec = V1LeaseSpec(holder_identity="a", acquire_time=begun, renew_time=begun)

    async def scenario() -> None:
        await leases.candidate("a").claim()

    run(scenario())

    assert leases.spec.acquire_time == begun.replace(microsecond=1)


def test_an_outage_is_logged_in_words_and_without_a_traceback(
    run: Run, leases: Leases, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        leases.outage = connection_refused
        await leases.candidate("a").claim()

    with caplog.at_level(logging.WARNING):
        run(scenario())

    assert caplog.messages == ["Lease contender-system/contender-operator was not taken or renewed: connection refused"]
    assert caplog.records[0].exc_info is None
