"""What the ledger of a namespace knows of labels: counts by window, variant and measure."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp

from contender import names
from contender.api import Guardrail, Json
from contender.measure import Silent
from contender.observation import Labelled, Labels
from contender.rollout.labels import Question

TIMEOUT = aiohttp.ClientTimeout(total=3)
MOST_BYTES = 1 << 18  # of an answer: 20 windows, two variants and 16 measures are an eighth of it


class Unauthorised(Silent):
    """The ledger does not take the token: it has another root than the token was made of."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ledgers of all namespaces. `token` reads a namespace's evidence token from its Secret, or None."""

    session: aiohttp.ClientSession
    token: Callable[[str], Awaitable[str | None]]
    known: dict[str, str] = field(default_factory=dict)  # namespace -> token
    asked: dict[str, datetime] = field(default_factory=dict)  # whose quality was asked for, by uid -> when

    def rested(self, uid: str, now: datetime, every: float) -> bool:
        """Whether the quality of a ModelDeployment may be asked for again, `every` seconds; then it is asked now."""
        last = self.asked.get(uid)
        if last is not None and 0 <= (now - last).total_seconds() < every:
            return False
        self.asked[uid] = now
        return True

    async def labels(self, namespace: str, deployment: str, question: Question) -> Labels:
        """Asks the ledger of a namespace. Raises Silent when it tells nothing; a token that it refuses is read anew."""
        try:
            token = await self._token(namespace)
            return await labels(self.session, namespace, deployment, token, question)
        except Unauthorised:
            self.known.pop(namespace, None)
            return await labels(self.session, namespace, deployment, await self._token(namespace), question)

    async def _token(self, namespace: str) -> str:
        token = self.known.get(namespace) or await self.token(namespace)
        if token is None:
            raise Silent(f"namespace {namespace} has no token for its ledger yet")
        self.known[namespace] = token
        return token


async def labels(
    session: aiohttp.ClientSession, namespace: str, deployment: str, token: str, question: Question
) -> Labels:
    """Raises Silent when there is no readable answer, and Unauthorised when the token is refused."""
    address = f"http://{names.LEDGER}.{namespace}.svc:80/evidence/{deployment}"
    headers = {"authorization": f"Bearer {token}"}
    try:
        async with session.post(address, json=body(question), headers=headers, timeout=TIMEOUT) as answer:
            if answer.status in {401, 403}:
                raise Unauthorised(f"{address} refuses the token")
            answer.raise_for_status()
            if answer.content_length is None or answer.content_length > MOST_BYTES:
                raise ValueError("it is too long")
            return parse(await answer.json(), question)
    except (TimeoutError, aiohttp.ClientError, ValueError, TypeError, KeyError) as error:
        raise Silent(f"{address} told nothing of labels: {error!r}") from error


def body(question: Question) -> dict[str, Any]:
    """The question as the ledger takes it."""
    return {
        "windows": [{"since": window.since, "until": window.until} for window in question.windows],
        "variants": list(question.variants),
        "measures": [_measure(guardrail) for guardrail in question.guardrails],
        **({"delays": True} if question.delays else {}),
    }


def parse(told: Any, question: Question) -> Labels:
    """The ledger's answer to a question. Raises ValueError, TypeError or KeyError if it is unreadable."""
    both = zip(question.windows, told["windows"], strict=True)
    return Labels({window.since: _window(raw, question) for window, raw in both})


def _window(raw: Json, question: Question) -> dict[str, Labelled]:
    return {variant: _labelled(raw[variant], len(question.guardrails)) for variant in question.variants}


def _labelled(raw: Json, measures: int) -> Labelled:
    counts: Sequence[Json] = raw["measures"]
    if len(counts) != measures:
        raise ValueError(f"{measures} measures were asked for, and {len(counts)} told")
    told = tuple((int(each["events"]), int(each["exposures"])) for each in counts)
    return Labelled(int(raw["answers"]), told, float(raw["delay"]) if "delay" in raw else None)


def _measure(guardrail: Guardrail) -> dict[str, Any]:
    told = {"measure": str(guardrail.measure), "class": guardrail.class_, "tolerance": guardrail.tolerance}
    return {name: value for name, value in told.items() if value is not None}
