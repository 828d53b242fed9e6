"""Progress of long work: what is being done, how long it usually takes, how long it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

console = Console(stderr=True, highlight=False)


@contextmanager
def step(what: str, usually: str) -> Iterator[None]:
    """Show one step while it runs and keep one line of it afterwards; `usually` is a duration in words."""
    began = time.monotonic()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    if not console.is_terminal:
        console.print(f"  {what} (usually {usually})", soft_wrap=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        progress.add_task(f"{what} [dim]usually {usually}[/dim]")
        yield
    console.print(f"[green]✓[/green] {what} [dim]{time.monotonic() - began:.0f} s[/dim]", soft_wrap=True)
