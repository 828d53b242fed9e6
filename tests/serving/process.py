"""A server process as the kubelet starts it, and a client of it."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import urllib3

PORTS = iter(random.sample(range(20_000, 30_000), 10_000))  # below those that systems give to whoever asks for any
PATIENCE = 180  # seconds; a machine that is busy with other tests starts slowly


class Server:
    """`python -m contender_serving serve` on a free port of loopback."""

    def __init__(self, volume: Path, termination_log: Path, env: dict[str, str]) -> None:
        self.port, self.grpc_port = free_ports()
        self.termination_log = termination_log
        settings = {
            "CONTENDER_MODEL_DIR": str(volume),
            "CONTENDER_MODEL_NAME": "churn",
            "CONTENDER_HOST": "127.0.0.1",
            "CONTENDER_PORT": str(self.port),
            "CONTENDER_GRPC_PORT": str(self.grpc_port),
            "CONTENDER_TERMINATION_LOG": str(termination_log),
            "CONTENDER_DRAIN_DELAY": "0",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "contender_serving", "serve"], env=os.environ | settings | env
        )
        self.http = urllib3.PoolManager(maxsize=32, retries=False, timeout=PATIENCE)

    def get(self, path: str) -> urllib3.BaseHTTPResponse:
        """One GET."""
        return self.http.request("GET", f"http://127.0.0.1:{self.port}{path}")

    def post(self, path: str, body: bytes | dict[str, Any], **headers: str) -> urllib3.BaseHTTPResponse:
        """One POST of bytes, or of JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.http.request("POST", f"http://127.0.0.1:{self.port}{path}", body=content, headers=headers)

    def infer(self, body: bytes | dict[str, Any]) -> urllib3.BaseHTTPResponse:
        """One V2 inference."""
        return self.post("/v2/models/churn/infer", body)

    def sample(self, name: str) -> float:
        """The value of a metric without labels."""
        lines = self.get("/metrics").data.decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(name + " "))

    def wait_until_live(self) -> None:
        """Return when the process listens."""
        self._wait_for("/v2/health/live")

    def wait_until_ready(self) -> None:
        """Return when the model is ready."""
        self._wait_for("/v2/health/ready")

    def terminate(self) -> None:
        """Ask for a drain."""
        self.process.send_signal(signal.SIGTERM)

    def exit_code(self) -> int:
        """Wait for the end."""
        return self.process.wait(PATIENCE)

    def failure(self) -> dict[str, str]:
        """What the process left in its termination log."""
        left: dict[str, str] = json.loads(self.termination_log.read_text())
        return left

    def close(self) -> None:
        """End the process, however it is."""
        self.process.kill()
        self.process.wait()
        self.http.clear()

    def _wait_for(self, path: str) -> None:
        def answers() -> bool:
            assert self.process.poll() is None, f"the server ended with {self.process.returncode}"
            try:
                return self.get(path).status == 200
            except urllib3.exceptions.HTTPError:
                return False

        wait_until(answers)


def wait_until(holds: Callable[[], bool]) -> None:
    """Look until it holds."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"it did not come to pass in {PATIENCE} s"
        time.sleep(0.02)


def free_ports() -> tuple[int, int]:
    """Two that nobody has, and that nobody is given by chance before a server, which starts slowly, takes them."""
    one, other = islice(filter(_is_free, PORTS), 2)
    return one, other


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
