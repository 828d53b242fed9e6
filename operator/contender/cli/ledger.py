"""Labels to the ledger: in batches, with what was refused, and from where they stopped.

They go through the API server, unless another address is given. It takes `Authorization` for itself, so the ledger's
token has a header of its own.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration

from contender import names
from contender.cli import live
from contender.cli.label_files import Label
from contender.cli.unusable import Unusable
from contender.cluster.kinds import SERVICE
from contender.manifests.ledger import SERVICE_PORT

BATCH = 10_000  # labels of one call
TIMEOUT = 120  # seconds for one call
PATIENCE = 300.0  # seconds to wait for a ledger that is busy or away, before giving up
PAUSE = 5.0  # seconds before the next try, where the ledger names none
OK, UNAVAILABLE = 200, 503
LATER = frozenset({429, UNAVAILABLE})
TOKEN_HEADER = "x-contender-token"  # noqa: S105 (its name)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A label that the ledger did not take."""

    row: int  # of the file, from 1
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the labels before a row."""

    next_row: int = 1
    taken: int = 0
    replaced: int = 0
    repeated: int = 0
    refused: int = 0

    def after(self, rows: int, answer: Mapping[str, Any]) -> "Taken":
        return Taken(
            self.next_row + rows,
            self.taken + answer["taken"],
            self.replaced + answer["replaced"],
            self.repeated + answer["repeated"],
            self.refused + answer["refusedTotal"],
        )


class Stopped(Unusable):
    """What came before a row is safe, the rest was not sent."""

    def __init__(self, why: str, known: Taken) -> None:
        super().__init__(why)
        self.known = known


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where labels of one ModelDeployment go, and by what right."""

    api: ApiClient
    path: str
    token: str

    async def send(self, labels: Sequence[Label]) -> tuple[int, Mapping[str, str], Any]:
        """Status, headers and answer of one call."""
        headers = {"Content-Type": "application/json", "Accept": "application/json", TOKEN_HEADER: self.token}
        request = await self.api.param_serialize(
            "POST", self.path, header_params=headers, body=list(labels), auth_settings=["BearerToken"]
        )
        response = await self.api.call_api(*request, _request_timeout=TIMEOUT)
        return response.status, response.getheaders(), _read(await response.read())


Told = Callable[[Taken, Sequence[Refusal], int], None]  # of a batch; the last are refused labels that are not listed
Sent = Coroutine[Any, Any, Taken]
Sending = Callable[[Ledger], Sent]


def through_the_api_server(deployment: str, namespace: str | None, token: str, sending: Sending) -> Taken:
    """With the right to `create services/proxy`."""

    async def send(api: ApiClient, where: str) -> Taken:
        service = SERVICE.path(where, f"{names.LEDGER}:{SERVICE_PORT}", "proxy")
        return await sending(Ledger(api, f"{service}/labels/{deployment}", token))

    return live.asked(send, namespace)


def straight(url: str, deployment: str, token: str, sending: Sending) -> Taken:
    """To where the ledger is reached without a cluster's kubeconfig."""

    async def send() -> Taken:
        async with ApiClient(Configuration(host=url.rstrip("/"))) as api:
            return await sending(Ledger(api, f"/labels/{deployment}", token))

    return asyncio.run(send())


async def push(ledger: Ledger, labels: Iterator[Label], first: int, told: Told) -> Taken:
    """Sends all labels, of which the next is row `first`; `told` hears of each batch. Raises Stopped on the way."""
    known = Taken(first)
    while batch := _next(labels, known):
        answer = await _answer(ledger, batch, known)
        refused = [
            Refusal(known.next_row + each["index"], each["reason"], each["message"]) for each in answer["refused"]
        ]
        known = known.after(len(batch), answer)
        told(known, refused, answer["refusedTotal"] - len(refused))
    return known


def _next(labels: Iterator[Label], known: Taken) -> Sequence[Label]:
    try:
        return list(islice(labels, BATCH))
    except Unusable as unusable:
        raise Stopped(str(unusable), known) from unusable


async def _answer(ledger: Ledger, batch: Sequence[Label], known: Taken) -> Mapping[str, Any]:
    """Of a ledger that may be busy, or away for a while: it counts a label once, however often it comes."""
    waited = 0.0
    while True:
        status, headers, answer = await _tried(ledger, batch)
        if status == OK:
            found: Mapping[str, Any] = answer
            return found
        if status not in LATER or waited >= PATIENCE:
            raise Stopped(f"the ledger answered {status}: {_said(answer)}", known)
        pause = _pause(headers)
        await asyncio.sleep(pause)
        waited += pause


async def _tried(ledger: Ledger, batch: Sequence[Label]) -> tuple[int, Mapping[str, str], Any]:
    """No answer at all is that of a ledger that is away."""
    try:
        return await ledger.send(batch)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return UNAVAILABLE, {}, repr(error)


def _pause(headers: Mapping[str, str]) -> float:
    """Seconds, as Retry-After says."""
    said = {name.lower(): value for name, value in headers.items()}.get("retry-after", "")
    return float(said) if said.isascii() and said.isdigit() else PAUSE


def _read(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")


def _said(answer: Any) -> str:
    """In the ledger's words, or the API server's."""
    told = answer if not isinstance(answer, Mapping) else answer.get("error") or answer.get("message") or answer
    return str(told)[:500]
