"""One virtual environment for each peer, with the pinned versions, below the cache folder."""

import subprocess
import sys
from pathlib import Path

from tests.cluster.cache import key, lock, root

PINS = Path(__file__).parents[1] / "peers"


def python(peer: str) -> Path:
    """The interpreter of a peer's environment, made now if its pins are new. Raises CalledProcessError if pip fails."""
    pins = PINS / f"{peer}.txt"
    folder = root() / "peers" / peer
    whole = folder / ".complete"
    with lock(f"peer-{peer}"):
        if not whole.exists() or whole.read_text() != key(pins):
            _run(sys.executable, "-m", "venv", "--clear", folder)
            _run(folder / "bin/pip", "install", "--quiet", "-r", pins)
            whole.write_text(key(pins))
    return folder / "bin/python"


def versions(peer: str) -> dict[str, str]:
    """What is pinned, by package."""
    lines = (PINS / f"{peer}.txt").read_text().split()
    return dict(line.split("==", 1) for line in lines if "==" in line)


def _run(*command: str | Path) -> None:
    subprocess.run([str(word) for word in command], check=True)
