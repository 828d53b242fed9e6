"""What one pod of Contender's serving image remembers of its latest answers (`docs/serving-contract.md`, Answers)."""

from typing import Any

import aiohttp

from contender.measure import Silent
from contender.observation import Answer, Recording

PATH = "/metrics/answers"
TIMEOUT = aiohttp.ClientTimeout(total=1)
MOST_BYTES = 1 << 18  # 2,048 answers are half of it


async def recording(session: aiohttp.ClientSession, address: str) -> Recording:
    """Asks the pod at `address`, a host with its port. Raises Silent when there is no readable answer."""
    try:
        async with session.get(f"http://{address}{PATH}", timeout=TIMEOUT, allow_redirects=False) as answer:
            answer.raise_for_status()
            if answer.content_length is None or answer.content_length > MOST_BYTES:
                raise ValueError("it is too long")
            return parse(await answer.json())
    except (TimeoutError, aiohttp.ClientError, ValueError, TypeError, KeyError) as error:
        raise Silent(f"{address} told nothing of its answers: {error!r}") from error


def parse(told: Any) -> Recording:
    """What the pod told, which may be any server's. Raises ValueError, TypeError or KeyError if it is unreadable."""
    return Recording(str(told["process"]), tuple(_answer(*each) for each in told["answers"]))


def _answer(number: Any, request: Any, age: Any, status: Any, seconds: Any) -> Answer:
    return Answer(int(number), str(request), float(age), int(status), float(seconds))
