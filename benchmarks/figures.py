"""A run's figures in a page of docs/: tables between two marks, all else of it is written by hand; and a picture."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from benchmarks.serving import environments

BEGIN, END = "<!-- figures of the run: begin -->", "<!-- figures of the run: end -->"


def write(page: Path, lines: Iterable[str]) -> None:
    """Put a run's figures, as Markdown, in the place of the last run's."""
    before, rest = page.read_text().split(BEGIN)
    after = rest.split(END)[1]
    figures = "\n".join(lines)
    page.write_text(f"{before}{BEGIN}\n{figures}\n{END}{after}")


def draw(program: Path, results: Path, picture: Path) -> None:
    """Run a drawing program on a run's results, in the environment that has what draws."""
    subprocess.run([environments.python("picture"), program, results, picture], check=True)
