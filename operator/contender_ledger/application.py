"""The HTTP interface, as docs/ledger.md tells it."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
from aiohttp import web
from prometheus_client.aiohttp import make_aiohttp_handler
from sqlalchemy import Connection, text

from contender_ledger import access, body, counting, evidence, metrics, quality
from contender_ledger.accepting import DAY, Gate
from contender_ledger.access import Access, NoSecret
from contender_ledger.admission import Admission, Busy
from contender_ledger.database import Database, Full, Unavailable
from contender_ledger.keys import KeyRing
from contender_ledger.recording import Outcome, Row
from contender_ledger.refusal import Refused
from contender_ledger.writer import Writer

REFUSALS_TOLD = 100
BODY_SECONDS = 60.0

Answer = TypeVar("Answer")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
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
            return _problem(415, f"send one of {', '.join(body.READERS)} as Content-Type")
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
            return _problem(400, "since is in epoch milliseconds")
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
        if token is None or not self.access.allows(token, purpose):
            others = [access.EVIDENCE, *map(access.labels_of, await self._read(counting.deployments))] if token else []
            of = self.access.allowed(token or "", others)
            raise _Denied(403 if of else 401, f"this token is for {of}; " if of else "", purpose)

    async def _read(self, query: Callable[[Connection], Answer]) -> Answer:
        def asked() -> Answer:
            with self.database.reading() as connection:
                return query(connection)

        return await asyncio.to_thread(asked)

    def _sorted(self, sent: bytes, content_type: str, deployment: str) -> Sorted:
        gate = Gate(self.keys, deployment, _now(), self.retention)
        return gate.accept(body.labels_of(sent, content_type))


class _Denied(Exception):
    def __init__(self, status: int, why: str, purpose: str) -> None:
        kind, _, deployment = purpose.partition("/")
        mend = f"`contender labels token {deployment}` prints it" if deployment else "the operator has it"
        super().__init__(f"{why}send `Authorization: Bearer <the {kind} token>`: {mend}")
        self.status = status


def application(ledger: Ledger) -> web.Application:
    """The routes."""
    app = web.Application(middlewares=[_explained], client_max_size=body.MOST_BYTES)
    app.router.add_post("/labels/{deployment}", ledger.post_labels)
    app.router.add_post("/evidence/{deployment}", ledger.post_evidence)
    app.router.add_get("/quality/{deployment}", ledger.get_quality)
    app.router.add_get("/healthz", ledger.healthz)
    app.router.add_get("/readyz", ledger.readyz)
    app.router.add_get("/metrics", make_aiohttp_handler())
    return app


@web.middleware
async def _explained(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except _Denied as error:
        return _problem(error.status, str(error))
    except (body.Unreadable, msgspec.ValidationError, msgspec.DecodeError) as error:
        return _problem(400, str(error))
    except (body.TooMany, web.HTTPRequestEntityTooLarge):
        return _problem(
            413, f"at most {body.MOST_LABELS:,} labels and {body.MOST_BYTES >> 20} MiB a call: send several"
        )
    except TimeoutError:
        return _problem(408, f"the body did not come within {BODY_SECONDS:.0f} s: nothing was taken")
    except Busy:
        return _problem(429, "the queue is full: nothing was taken, send it again", again=1)
    except Full as error:
        return _problem(507, f"{error}: nothing was taken, send it again", again=30)
    except Unavailable as error:
        return _problem(
            503, f"the database is not to be reached: nothing is acknowledged, send it again ({error})", again=2
        )
    except NoSecret as error:
        return _problem(503, f"the secret that tokens are made of is not there: {error}", again=10)


def _problem(status: int, message: str, *, again: int | None = None) -> web.Response:
    headers = {} if again is None else {"Retry-After": str(again)}
    return web.json_response({"error": message}, status=status, headers=headers)


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
