"""One virtual environment for each peer, with the pinned versions, below the cache folder."""

import re
import subprocess
import sys
from pathlib import Path

from tests.cluster.cache import key, lock, root

ROOT = Path(__file__).parents[2]
PINS = ROOT / "benchmarks/peers"
LOCK = ROOT / "requirements.lock"
SERVING = ROOT / "serving_image"


def python(peer: str) -> Path:
    """The interpreter of a peer's environment, made now if its pins are new. Raises CalledProcessError if pip fails."""
    pins = PINS / f"{peer}.txt"
    return _environment(peer, key(pins), "--requirement", pins)


def ours() -> Path:
    """The interpreter that runs our server, from this tree: with what the image has, not all that development needs."""
    constraints = root() / "peers/contender-constraints.txt"
    constraints.parent.mkdir(parents=True, exist_ok=True)
    constraints.write_text("\n".join(re.findall(r"^[\w.-]+==[^\\\n]+", LOCK.read_text(), re.MULTILINE)))
    made_of = key(LOCK, SERVING / "pyproject.toml", str(SERVING))
    return _environment("contender", made_of, "--constraint", constraints, "--editable", SERVING)


def _environment(name: str, made_of: str, *arguments: str | Path) -> Path:
    folder = root() / "peers" / name
    whole = folder / ".complete"
    with lock(f"peer-{name}"):
        if not whole.exists() or whole.read_text() != made_of:
            _run(sys.executable, "-m", "venv", "--clear", folder)
            _run(folder / "bin/pip", "install", "--quiet", *arguments)
            whole.write_text(made_of)
    return folder / "bin/python"


def versions(peer: str) -> dict[str, str]:
    """What is pinned, by package."""
    lines = (PINS / f"{peer}.txt").read_text().split()
    return dict(line.split("==", 1) for line in lines if "==" in line)


def _run(*command: str | Path) -> None:
    subprocess.run([str(word) for word in command], check=True)
