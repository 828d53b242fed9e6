"""What a client is told when its request is not answered: what is wrong, and what to send instead or when."""

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from contender_ledger.access import NoSecret
from contender_ledger.admission import Busy
from contender_ledger.body import MOST_BYTES, MOST_LABELS, TooMany, Unreadable
from contender_ledger.database import Full, Unavailable

BODY_SECONDS = 60.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Denied(Exception):
    """No token, or one that is for something else."""

    def __init__(self, purpose: str, given_for: str | None) -> None:
        """What the token is to be for, and what it is for, if that is known."""
        kind, _, deployment = purpose.partition("/")
        why = f"this token is for {given_for}; " if given_for else ""
        mend = f"`contender labels token {deployment}` prints it" if deployment else "the operator has it"
        super().__init__(f"{why}send `Authorization: Bearer <the {kind} token>`: {mend}")
        self.status = 403 if given_for else 401


@web.middleware
async def explained(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tell a client whatever it can do something about; anything else is a bug, logged with its traceback."""
    try:
        return await handler(request)
    except web.HTTPRequestEntityTooLarge:
        return _explanation(TooMany())
    except tuple(EXPLAINED) as error:
        return _explanation(error)


def problem(status: int, message: str, *, again: int | None = None) -> web.Response:
    """An answer in the one form of all problems; `again` is in seconds."""
    headers = {} if again is None else {"Retry-After": str(again)}
    return web.json_response({"error": message}, status=status, headers=headers)


def _explanation(error: Exception) -> web.Response:
    status, message, again = next(told for kind, told in EXPLAINED.items() if isinstance(error, kind))
    return problem(getattr(error, "status", status), message.format(error=error), again=again)


# The first that fits speaks.
EXPLAINED: dict[type[Exception], tuple[int, str, int | None]] = {
    Denied: (401, "{error}", None),
    Unreadable: (400, "{error}", None),
    msgspec.MsgspecError: (400, "{error}", None),
    RecursionError: (400, "the body is nested too deep", None),
    TooMany: (413, f"at most {MOST_LABELS:,} labels and {MOST_BYTES >> 20} MiB a call: send several", None),
    TimeoutError: (408, f"the body did not come within {BODY_SECONDS:.0f} s: nothing was taken", None),
    Busy: (429, "the queue is full: nothing was taken, send it again", 1),
    Full: (507, "{error}: nothing was taken, send it again", 30),
    Unavailable: (503, "the database is not to be reached, nothing is acknowledged, send it again: {error}", 2),
    NoSecret: (503, "the secret that tokens are made of is not there: {error}", 10),
}
