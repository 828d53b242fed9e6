"""How every command speaks and ends. Exit codes: 0, well; 1, what was asked for is not so; 2, mend something first."""

import sys
from collections.abc import Callable
from typing import TypeVar

import typer
from rich.console import Console

from contender.cli.unusable import Unusable

Answer = TypeVar("Answer")

UNUSABLE = 2

NAMESPACE = typer.Option("--namespace", "-n", help="The namespace; by default that of the kubeconfig's context.")

WIDE = 250  # columns of a table that goes into a file or a pipe, where a line that is broken cannot be found again
out = Console(soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)
err = Console(stderr=True, soft_wrap=True)


def mended(work: Callable[[], Answer]) -> Answer:
    """What the work gives; or its problem in one sentence, and exit code 2."""
    try:
        return work()
    except (Unusable, ValueError) as problem:
        err.print(f"contender: {problem}", markup=False)
        raise typer.Exit(UNUSABLE) from problem
