"""The HTTP interface, as docs/ledger.md tells it."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
from aiohttp import web
from prometheus_client.aiohttp import make_aiohttp_handler
from sqlalchemy import Connection, text

from contender_ledger import access, body, counting, evidence, metrics, quality
from contender_ledger.accepting import DAY, Gate
from contender_ledger.access import Access
from contender_ledger.admission import Admission
from contender_ledger.database import Database
from contender_ledger.keys import KeyRing
from contender_ledger.problems import BODY_SECONDS, Denied, explained, problem
from contender_ledger.recording import Outcome, Row
from contender_ledger.refusal import Refused
from contender_ledger.writer import Writer

REFUSALS_TOLD = 100

Answer = TypeVar("Answer")
Sorted = tuple[list[Row], list[tuple[int, Refused]]]


@dataclass(frozen=True, slots=True)
class Ledger:
    """All that answers are made of."""

    database: Database
    writer: Writer
    keys: KeyRing
    access: Access
    retention: int  # milliseconds
    admission: Admission = field(default_factory=Admission)
    # One thread opens receipts, in the order of their calls: more would only contend with it for the interpreter.
    opener: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "opener"))

    async def post_labels(self, request: web.Request) -> web.Response:
        """Take labels; answered when they are on disk."""
        deployment = request.match_info["deployment"]
        await self._demand(request, access.labels_of(deployment))
        if request.content_type not in body.READERS:
            return problem(415, f"send one of {', '.join(body.READERS)} as Content-Type")
        with self.admission.of(_size(request)):
            async with asyncio.timeout(BODY_SECONDS):
                sent = await request.read()
            loop = asyncio.get_running_loop()
            rows, refused = await loop.run_in_executor(
                self.opener, self._sorted, sent, request.content_type, deployment
            )
            outcomes = await asyncio.wrap_future(self.writer.put(rows)) if rows else Counter[Outcome]()
        _count(deployment, outcomes, refused)
        return web.json_response(_told(outcomes, refused))

    async def post_evidence(self, request: web.Request) -> web.Response:
        """Counts for the operator."""
        await self._demand(request, access.EVIDENCE)
        question = msgspec.json.decode(await request.read(), type=evidence.Question)
        deployment = request.match_info["deployment"]
        with metrics.EVIDENCE_SECONDS.time():
            found = await self._read(lambda connection: evidence.answer(connection, deployment, question))
        return _json(found)

    async def get_quality(self, request: web.Request) -> web.Response:
        """Counts for people; of the last day unless `since` says otherwise."""
        await self._demand(request, access.EVIDENCE)
        since = request.query.get("since", str(_now() - DAY))
        if not (since.isascii() and since.isdecimal() and len(since) < 16):
            return problem(400, "since is in epoch milliseconds")
        deployment = request.match_info["deployment"]
        return _json(await self._read(lambda connection: quality.answer(connection, deployment, int(since))))

    async def healthz(self, _: web.Request) -> web.Response:
        """The event loop turns."""
        return web.Response(text="the event loop turns\n")

    async def readyz(self, _: web.Request) -> web.Response:
        """The database answers."""
        await self._read(lambda connection: connection.execute(text("SELECT 1")))
        return web.Response(text="the database answers\n")

    async def _demand(self, request: web.Request, purpose: str) -> None:
        token = access.token_in(request.headers)
        if token is None:
            raise Denied(purpose, None)
        if not self.access.allows(token, purpose):
            others = (access.EVIDENCE, *map(access.labels_of, await self._read(counting.deployments)))
            raise Denied(purpose, self.access.allowed(token, others))

    async def _read(self, query: Callable[[Connection], Answer]) -> Answer:
        def asked() -> Answer:
            with self.database.reading() as connection:
                return query(connection)

        return await asyncio.to_thread(asked)

    def _sorted(self, sent: bytes, content_type: str, deployment: str) -> Sorted:
        gate = Gate(self.keys, deployment, _now(), self.retention)
        return gate.accept(body.labels_of(sent, content_type))


def application(ledger: Ledger) -> web.Application:
    """The routes."""
    app = web.Application(middlewares=[explained], client_max_size=body.MOST_BYTES)
    app.router.add_post("/labels/{deployment}", ledger.post_labels)
    app.router.add_post("/evidence/{deployment}", ledger.post_evidence)
    app.router.add_get("/quality/{deployment}", ledger.get_quality)
    app.router.add_get("/healthz", ledger.healthz)
    app.router.add_get("/readyz", ledger.readyz)
    app.router.add_get("/metrics", make_aiohttp_handler())
    return app


def _json(answer: msgspec.Struct) -> web.Response:
    return web.Response(body=msgspec.json.encode(answer), content_type="application/json")


def _told(outcomes: Counter[Outcome], refused: Sequence[tuple[int, Refused]]) -> dict[str, object]:
    told = [{"index": i, "reason": each.reason, "message": each.message} for i, each in refused[:REFUSALS_TOLD]]
    return {**{each: outcomes[each] for each in Outcome}, "refused": told, "refusedTotal": len(refused)}


def _count(deployment: str, outcomes: Counter[Outcome], refused: Sequence[tuple[int, Refused]]) -> None:
    for outcome, n in (*outcomes.items(), *Counter(each.reason for _, each in refused).items()):
        metrics.LABELS.labels(deployment, outcome).inc(n)


def _size(request: web.Request) -> int | None:
    """Bytes of the body, where its head tells: not of one that is packed, or of unknown length."""
    return None if request.headers.get("Content-Encoding") else request.content_length


def _now() -> int:
    return int(time.time() * 1000)
