"""Server processes: pinned to one core, awaited until they are ready, weighed, and stopped."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SERVER_CORE, LOAD_CORE = 0, 1
PATIENCE = 90.0  # seconds for a server to get ready
LOOK = 0.005  # seconds between two looks
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Process:
    """A server that answers."""

    pid: int
    ready_after: float  # seconds from its start to its first 200

    def memory(self) -> float:
        """Proportional set size in MB, of it and all its descendants: what it takes, shared pages by their share."""
        return sum(_pss(pid) for pid in _family(self.pid)) / 1e6


def take_the_load_core() -> None:
    """Bind this process, which makes the load, and what it starts to the core that no server has."""
    os.sched_setaffinity(0, {LOAD_CORE})


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(command: Sequence[str], environment: Mapping[str, str], ready_url: str, log: Path) -> Iterator[Process]:
    """A server on its core, from its first 200 on `ready_url` until the block ends. Raises RuntimeError if it dies."""
    log.parent.mkdir(parents=True, exist_ok=True)
    pinned = ["taskset", "--cpu-list", str(SERVER_CORE), *command]
    with log.open("wb") as output:
        began = time.perf_counter()
        server = subprocess.Popen(
            pinned, env={**os.environ, **environment}, stdout=output, stderr=output, start_new_session=True
        )
        try:
            _await(ready_url, server, log)
            yield Process(server.pid, time.perf_counter() - began)
        finally:
            _stop(server)


def _await(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    limit = time.monotonic() + PATIENCE
    while not _answers(url):
        if server.poll() is not None or time.monotonic() > limit:
            raise RuntimeError(f"the server did not get ready: {server.args!r}; see {log}")
        time.sleep(LOOK)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310, always our own loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Kill it and what it started: nothing of it is worth a drain."""
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def _family(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").iterdir()
    children = [int(child) for thread in threads for child in thread.joinpath("children").read_text().split()]
    return [pid, *(member for child in children for member in _family(child))]


def _pss(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
