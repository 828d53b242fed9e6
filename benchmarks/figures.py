"""A run's figures in a page of docs/: tables between two marks, all else of it is written by hand; and a picture."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from benchmarks.serving import environments


def write(page: Path, lines: Iterable[str], of: str = "the run") -> None:
    """Put a run's figures, as Markdown, in the place of the last run's; `of` says which, on a page of several."""
    begin, end = (f"<!-- figures of {of}: {mark} -->" for mark in ("begin", "end"))
    before, rest = page.read_text().split(begin)
    after = rest.split(end)[1]
    figures = "\n".join(lines)
    page.write_text(f"{before}{begin}\n{figures}\n{end}{after}")


def draw(program: Path, results: Path, picture: Path) -> None:
    """Run a drawing program on a run's results, in the environment that has what draws."""
    subprocess.run([environments.python("picture"), program, results, picture], check=True)
