"""Closed loops: each connection asks again as soon as it is answered. wrk for HTTP/1.1, h2load for gRPC."""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.serving.bodies import Asked

SCRIPT = Path(__file__).with_name("wrk.lua")
PROGRAMS = {"wrk": "wrk", "h2load": "nghttp2-client"}  # and Debian's packages of them


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one cell: good answers per second, latencies in ms, and how many answers were none of a 2xx."""

    rate: float
    p50: float
    p99: float
    errors: int


def missing() -> list[str]:
    """The packages to install for the programs that are not here."""
    return [package for program, package in PROGRAMS.items() if shutil.which(program) is None]


def http(url: str, asked: Asked, connections: int, seconds: float) -> Sample:
    """Load with wrk, on one thread."""
    headers = [word for name, value in asked.headers.items() for word in ("--header", f"{name}: {value}")]
    with tempfile.NamedTemporaryFile() as body:
        Path(body.name).write_bytes(asked.body)
        size = ("--threads", "1", "--connections", str(connections), "--duration", f"{seconds:.0f}s")
        command = ["wrk", *size, "--timeout", "20s", *headers, "--script", str(SCRIPT), url]
        environment = {"BODY": body.name, "PATH": "/usr/bin:/usr/local/bin"}
        said = subprocess.run(command, env=environment, check=True, capture_output=True).stdout
    return wrk_sample(said.splitlines()[-1])


def wrk_sample(line: bytes) -> Sample:
    """What the last line of our wrk script says."""
    said = msgspec.json.decode(line, type=dict[str, int])
    rate = (said["requests"] - said["errors"]) / said["duration"] * 1e6
    return Sample(rate, said["p50"] / 1e3, said["p99"] / 1e3, said["errors"])


def grpc(url: str, asked: Asked, connections: int, seconds: float) -> Sample:
    """Load with h2load: HTTP/2 in the clear, one stream at a time on each connection."""
    headers = [word for name, value in asked.headers.items() for word in ("--header", f"{name}: {value}")]
    with tempfile.TemporaryDirectory() as folder:
        body, log = Path(folder, "body"), Path(folder, "log")
        body.write_bytes(asked.body)
        size = ("--clients", str(connections), "--max-concurrent-streams", "1", "--duration", f"{seconds:.0f}")
        command = ["h2load", *size, "--data", str(body), "--log-file", str(log), *headers, url]
        subprocess.run(command, check=True, capture_output=True)
        return h2load_sample(log.read_text(), seconds)


def h2load_sample(log: str, seconds: float) -> Sample:
    """What h2load logged: for each request its start, its status, and its microseconds."""
    lines = np.array([line.split("\t")[1:3] for line in log.splitlines()], dtype=np.int64).reshape(-1, 2)
    fine = lines[lines[:, 0] == 200, 1]
    p50, p99 = np.percentile(fine, (50, 99)) / 1e3 if len(fine) else (np.nan, np.nan)
    return Sample(len(fine) / seconds, float(p50), float(p99), len(lines) - len(fine))
