"""What images stand on: a published base where a registry answers, else one made of Debian's packages."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import cache, packages, registry
from tests.cluster.engine import Engine
from tests.cluster.machine import this_machine
from tests.cluster.process import run
from tests.cluster.steps import step

BUILDER_PACKAGES = ("mmdebstrap", "debian-archive-keyring")


@dataclass(frozen=True, slots=True)
class Base:
    """A release of Debian with some packages, what is then done to it, and what is as good where it is published."""

    name: str
    release: str
    packages: tuple[str, ...]
    hooks: tuple[str, ...] = ()
    published: str | None = None


def image(base: Base, engine: Engine) -> str:
    """The name of the base's image, pulled or made unless the engine has it."""
    name = f"localhost/contender-base-{base.name}:{cache.key(base.release, *base.packages, *base.hooks)}"
    with cache.lock(f"base-{base.name}"):
        if not engine.has(name):
            if base.published and (pulled := registry.pulled(f"base-{base.name}", base.published, engine)):
                return pulled
            packages.install(BUILDER_PACKAGES, this_machine())
            with step(f"make the {base.name} base of Debian {base.release}", "1 min"):
                _make(base, name, engine)
    return name


def _make(base: Base, name: str, engine: Engine) -> None:
    hooks = [f"--customize-hook={hook}" for hook in base.hooks]
    with tempfile.TemporaryDirectory(prefix="contender-") as folder:
        archive = str(Path(folder) / "root.tar")
        run(["mmdebstrap", "--variant=minbase", f"--include={','.join(base.packages)}", *hooks, base.release, archive])
        engine("import", archive, name)
