"""Other programs: run one, keep what it says, and when it fails say which, why, and what to do about it."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol


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
        stdin: str | Path | None = None,
        cwd: Path | None = None,
        timeout: float | None = None,
    ) -> str: ...


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    stdin: str | Path | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
) -> str:
    """Standard output of a program, which may read a text or a file from `stdin`; `env` is laid over ours.

    Raises Failed when it ends badly, is missing or takes longer than `timeout` seconds.
    """
    command = " ".join(argv[:6])
    try:
        with _opened(stdin) as given:
            done = subprocess.run(
                argv,
                env={**os.environ, **(env or {})},
                stdin=given,
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


@contextmanager
def _opened(stdin: str | Path | None) -> Iterator[IO[bytes] | int]:
    if stdin is None:
        yield subprocess.DEVNULL
    elif isinstance(stdin, Path):
        with stdin.open("rb") as file:
            yield file
    else:
        with tempfile.TemporaryFile() as file:
            file.write(stdin.encode())
            file.seek(0)
            yield file


def _end_of(text: str, lines: int = 25) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])
