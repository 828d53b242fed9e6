"""How the latest requests were answered, one by one, for whoever wants to compare two variants on the same requests.

Kept only while somebody reads it. Of many requests a sample is kept, drawn by a hash of their id: what a server keeps
of fewer is kept of more by every other, so that two variants keep the same ones.
"""

import secrets
from collections import deque
from hashlib import blake2b
from typing import Any

KEPT_AFTER_A_READ = 30.0  # seconds for which answers are kept after a read
LATEST = 2048  # answers
MOST = 100  # answers a second, about
ALL = 1 << 64  # ids are hashed to numbers below


class Recording:
    """The latest answers. `now` is always of the same clock, in seconds."""

    def __init__(self) -> None:
        self.until = 0.0  # when keeping ends; look here before `note`
        self._process = secrets.token_hex(4)  # tells the numbers of one process from another's
        self._number = 0
        self._answers: deque[tuple[int, str, float, int, float]] = deque(maxlen=LATEST)
        self._below, self._second, self._kept = ALL, 0.0, 0

    def note(self, request_id: bytes, status: int, seconds: float, now: float) -> None:
        """Keep how a request was answered, if it is one of the sample."""
        drawn = blake2b(request_id, digest_size=8).digest()
        if int.from_bytes(drawn) < self._below:
            self._pace(now)
            self._number += 1
            self._answers.append((self._number, drawn.hex(), now, status, seconds))

    def read(self, now: float) -> dict[str, Any]:
        """The answers as JSON shows them, oldest first; keep more of them for a while."""
        if now >= self.until:
            self._answers.clear()
        self.until = now + KEPT_AFTER_A_READ
        answers = [
            [number, request, round(now - at, 3), status, round(seconds, 6)]
            for number, request, at, status, seconds in self._answers
        ]
        return {"process": self._process, "answers": answers}

    def _pace(self, now: float) -> None:
        """Halve the sample when it is too large for a second, double it when it is small."""
        if now - self._second >= 1:
            if self._kept < MOST // 4:
                self._below = min(ALL, 2 * self._below)
            self._second, self._kept = now, 0
        self._kept += 1
        if self._kept > MOST:
            self._below, self._kept = self._below // 2, MOST // 2
