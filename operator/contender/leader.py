"""Leader election by a Lease, so that any number of operator pods can run and only one acts.

`kubernetes.aio.leaderelection` is not used: its leader goes on for up to the renew deadline after it has seen another
holder, a failed or cancelled `run()` neither ends the work nor gives the Lease back, a lost connection escapes as an
exception, and it waits by the wall clock and writes local time as UTC.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import NoReturn

import aiohttp
from kubernetes.aio.client import ApiClient, CoordinationV1Api, V1Lease, V1LeaseSpec, V1ObjectMeta
from kubernetes.aio.client.exceptions import ApiException

LEASE_SECONDS = 10  # for which a Lease that nobody renews still keeps others out
RETRY_SECONDS = 2.0  # between two renewals, and between a follower's looks
RENEW_SECONDS = 6.0  # for which a due renewal is tried; with the retry above well under the Lease's own
ANSWER_SECONDS = 3.0  # for which one try waits, so that a hung connection does not use up all of them

NO_ANSWER = (ApiException, aiohttp.ClientError, TimeoutError)

logger = logging.getLogger(__name__)


class LeaseLostError(Exception):
    """This process no longer leads, and another may already. Whatever it still does, it does unguarded."""


async def lead(
    api_client: ApiClient, namespace: str, name: str, identity: str, work: Callable[[], Awaitable[None]]
) -> None:
    """Wait until this process leads, then run `work()` for as long as it does.

    `identity` names this process among the candidates: a pod's name, so that a restarted container leads on at once.
    Returns, or raises what `work` raised, when that ends; cancelled, it cancels `work` and waits for it. Either way
    the Lease is given back once `work` has ended, and a successor starts at its next look.

    Raises LeaseLostError when the Lease is lost. `work` is then cancelled and *not* waited for: the caller ends the
    process at once and without ceremony (`os._exit(1)`), as winding up in good order would be acting beside a leader.
    """
    candidate = Candidate(CoordinationV1Api(api_client), namespace, name, identity)
    await candidate.win()
    logger.info("%s leads", identity)
    await candidate.while_held(work)


class Candidate:
    """One process's claim to a Lease: what it last saw of it, and since when that has not changed."""

    def __init__(self, leases: CoordinationV1Api, namespace: str, name: str, identity: str) -> None:
        self._leases = leases
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._seen: V1Lease | None = None  # None when there is none
        self._changed = 0.0  # loop time; clocks of two machines are never compared
        self._renewed = 0.0  # loop time at which the last successful claim began

    async def win(self) -> None:
        """Wait until this candidate holds the Lease."""
        while not await self.claim():  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(RETRY_SECONDS)

    async def while_held(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work()` and renew the Lease until one of the two ends; see `lead`."""
        holding, working = asyncio.create_task(self.hold()), asyncio.ensure_future(work())
        try:
            await asyncio.wait({holding, working}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            working.cancel()
            await asyncio.wait({holding, working}, return_when=asyncio.FIRST_COMPLETED)
            raise
        finally:
            working.cancel()
            await self._give_back(holding)
        working.result()

    async def _give_back(self, holding: "asyncio.Task[NoReturn]") -> None:
        if holding.done():
            holding.result()
        holding.cancel()
        await asyncio.wait({holding})
        await self.release()

    async def hold(self) -> NoReturn:
        """Renew the Lease for ever. Raises LeaseLostError once it is another's, or might be before the next try."""
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            try:
                async with asyncio.timeout_at(self._renewed + RETRY_SECONDS + RENEW_SECONDS):
                    await self._renew()
            except TimeoutError:
                raise LeaseLostError(f"the Lease could not be renewed within {RENEW_SECONDS:g} s") from None

    async def _renew(self) -> None:
        while not await self.claim():
            if self._holder not in {None, self._identity}:
                raise LeaseLostError(f"{self._holder} leads now")
            await asyncio.sleep(RETRY_SECONDS)

    async def claim(self) -> bool:
        """Take or renew the Lease. False when another holds it, or the API server did not answer or agree."""
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._look()
                if self._is_anothers():
                    return False
                await self._write(self._identity, LEASE_SECONDS)
        except NO_ANSWER as error:
            logger.warning("Lease %s/%s was not taken or renewed: %s", self._namespace, self._name, _words(error))
            return False
        self._renewed = began
        return True

    async def release(self) -> None:
        """Let go of the Lease if this candidate holds it. When that fails it runs out by itself."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._look()
                if self._holder == self._identity:
                    await self._write(None, 1)
        except NO_ANSWER as error:
            logger.warning("Lease %s/%s was not given back: %s", self._namespace, self._name, _words(error))

    async def _look(self) -> None:
        before, self._seen = self._seen, await self._read()
        if _version(self._seen) != _version(before):
            self._changed = asyncio.get_running_loop().time()

    async def _read(self) -> V1Lease | None:
        try:
            return await self._leases.read_namespaced_lease(self._name, self._namespace)
        except ApiException as error:
            if error.status == 404:
                return None
            raise

    async def _write(self, holder: str | None, seconds: int) -> None:
        """Write what follows from the Lease as seen; the API server refuses it when that has changed since."""
        spec = self._next_spec(holder, seconds)
        if self._seen is None:
            body = V1Lease(metadata=V1ObjectMeta(name=self._name), spec=spec)
            self._seen = await self._leases.create_namespaced_lease(self._namespace, body)
        else:
            body = V1Lease(metadata=self._seen.metadata, spec=spec)
            self._seen = await self._leases.replace_namespaced_lease(self._name, self._namespace, body)

    def _next_spec(self, holder: str | None, seconds: int) -> V1LeaseSpec:
        now = datetime.now(UTC)  # noqa: TID251 - shown to people, and compared with nothing
        before = _spec(self._seen)
        begun = before.acquire_time if holder == before.holder_identity else None
        return V1LeaseSpec(
            holder_identity=holder,
            lease_duration_seconds=seconds,
            acquire_time=_micro_time(begun or now),
            renew_time=_micro_time(now),
            lease_transitions=(before.lease_transitions or 0) + (holder not in {None, before.holder_identity}),
        )

    @property
    def _holder(self) -> str | None:
        return _spec(self._seen).holder_identity or None

    def _is_anothers(self) -> bool:
        if self._holder in {None, self._identity}:
            return False
        kept = _spec(self._seen).lease_duration_seconds or LEASE_SECONDS
        return asyncio.get_running_loop().time() < self._changed + kept


def _spec(lease: V1Lease | None) -> V1LeaseSpec:
    return (lease and lease.spec) or V1LeaseSpec()


def _version(lease: V1Lease | None) -> str | None:
    return lease.metadata.resource_version if lease and lease.metadata else None


def _micro_time(when: datetime) -> datetime:
    """The API server wants six decimals in these fields, and the client writes none for a whole second."""
    return when.replace(microsecond=when.microsecond or 1)


def _words(error: Exception) -> str:
    if isinstance(error, ApiException):
        return f"{error.status} {error.reason}"
    return str(error) or type(error).__name__
