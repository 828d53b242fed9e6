"""The ledger as the kubelet starts it, and a client of it."""

import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from tests.ledger.sealing import Sealer
from tests.serving.process import PATIENCE, free_ports, wait_until

ROOT = bytes(range(32))
KID = 1_767_225_600
KEY = bytes(reversed(range(32)))


def token(purpose: str) -> str:
    """The token of a purpose, as the operator derives it."""
    return hmac.digest(ROOT, purpose.encode(), hashlib.sha256).hex()


@dataclass(frozen=True)
class Mounts:
    """What Kubernetes mounts into the pod."""

    keys: Path
    secret: Path

    @classmethod
    def made(cls, folder: Path) -> "Mounts":
        """One key and the secret."""
        mounts = cls(folder / "keys", folder / "secret")
        for each in (mounts.keys, mounts.secret):
            each.mkdir(parents=True)
        (mounts.keys / str(KID)).write_bytes(KEY)
        (mounts.secret / "root").write_bytes(ROOT)
        return mounts


class Ledger:
    """`python -m contender_ledger` on a free port of loopback."""

    def __init__(self, database: str, mounts: Mounts, *before: str, **env: str) -> None:
        self.port = free_ports()[0]
        self.database, self.mounts, self._before, self._env = database, mounts, before, env
        self.http = urllib3.PoolManager(maxsize=32, retries=False, timeout=PATIENCE)
        self.start()

    def start(self) -> None:
        """Start the process, at first or once more."""
        settings = {
            "LEDGER_DATABASE": self.database,
            "LEDGER_RECEIPT_KEYS": str(self.mounts.keys),
            "LEDGER_SECRET": str(self.mounts.secret),
            "LEDGER_HOST": "127.0.0.1",
            "LEDGER_PORT": str(self.port),
        }
        command = [*self._before, sys.executable, "-m", "contender_ledger"]
        self.process = subprocess.Popen(command, env=os.environ | settings | self._env)

    def post(self, path: str, sent: bytes | Iterator[bytes], **headers: str) -> urllib3.BaseHTTPResponse:
        """One POST; underscores in the names of headers are dashes."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.request("POST", f"http://127.0.0.1:{self.port}{path}", body=sent, headers=named)

    def get(self, path: str, **headers: str) -> urllib3.BaseHTTPResponse:
        """One GET."""
        return self.http.request("GET", f"http://127.0.0.1:{self.port}{path}", headers=headers)

    def send(
        self, deployment: str, sent: bytes | Iterator[bytes], content_type: str = "application/json", **headers: str
    ) -> urllib3.BaseHTTPResponse:
        """Labels as bytes."""
        allowed = {"authorization": f"Bearer {token(f'labels/{deployment}')}", "content_type": content_type}
        return self.post(f"/labels/{deployment}", sent, **(allowed | headers))

    def label(self, deployment: str, labels: Sequence[object]) -> dict[str, Any]:
        """Labels that are to be taken, and what the ledger says of them."""
        answer = self.send(deployment, json.dumps(labels).encode())
        assert answer.status == 200, answer.data
        told: dict[str, Any] = answer.json()
        return told

    def ask(self, deployment: str, question: dict[str, Any]) -> urllib3.BaseHTTPResponse:
        """A question of the operator's."""
        allowed = {"authorization": f"Bearer {token('evidence')}"}
        return self.post(f"/evidence/{deployment}", json.dumps(question).encode(), **allowed)

    def evidence(self, deployment: str, *measures: dict[str, Any], variant: str = "a", **window: int) -> dict[str, Any]:
        """Counts of one variant, of all time unless a window is named."""
        windows = [{"since": 0} | window]
        answer = self.ask(deployment, {"windows": windows, "variants": [variant], "measures": list(measures)})
        assert answer.status == 200, answer.data
        counted: dict[str, Any] = answer.json()["windows"][0][variant]
        return counted

    def labelled(self, deployment: str, variant: str = "a") -> int:
        """How many rows of a variant have labels."""
        rows: int = self.evidence(deployment, variant=variant)["labelled"]
        return rows

    def sealer(self, deployment: str, variant: str = "a") -> Sealer:
        """A server process whose receipts this ledger opens."""
        return Sealer(deployment, variant, KEY, KID)

    def wait_until_ready(self) -> None:
        """Return when the database answers through it."""

        def ready() -> bool:
            assert self.process.poll() is None, f"the ledger ended with {self.process.returncode}"
            try:
                return self.get("/readyz").status == 200
            except urllib3.exceptions.HTTPError:
                return False

        wait_until(ready)

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """End in order; what hangs is killed, and the test fails."""
        self.http.clear()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            finally:
                self.process.kill()
