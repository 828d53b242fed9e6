"""Other programs: run one, keep what it says, and when it fails say which, why, and what to do about it."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol


class Unusable(Exception):
    """Something the cluster needs is missing or failed; the message says what, and its mend."""


class Failed(Unusable):
    """A program that was started ended badly; the message carries the end of what it said."""


class Run(Protocol):
    """How to run a program; tests pass one that only pretends."""

    def __call__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        cwd: Path | None = None,
        timeout: float | None = None,
    ) -> str: ...


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
) -> str:
    """Standard output of a program; `env` is laid over ours. Failed when it ends badly, is missing or too slow."""
    command = " ".join(argv[:6])
    try:
        done = subprocess.run(
            argv,
            env={**os.environ, **(env or {})},
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            cwd=cwd,
            timeout=timeout,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError as error:
        raise Failed(f"{argv[0]} is not installed ({command})") from error
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{command} did not end within {timeout:.0f} s") from error
    if done.returncode:
        raise Failed(f"{command} ended with {done.returncode}:\n{_end_of(done.stderr or done.stdout)}")
    return done.stdout


def _end_of(text: str, lines: int = 25) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])
