"""Packages of Debian and Ubuntu: install what is missing, remember it, and take it away again."""

import os
from collections.abc import Iterable

from tests.cluster import cache
from tests.cluster.machine import Machine
from tests.cluster.process import Failed, Run, Unusable, run
from tests.cluster.steps import step

QUIET = {"DEBIAN_FRONTEND": "noninteractive"}


def _remembered() -> list[str]:
    note = cache.root() / "installed-packages"
    return note.read_text().split() if note.exists() else []


def _is_installed(package: str, run: Run) -> bool:
    try:
        return run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package]) == "installed"
    except Failed:
        return False


def install(packages: Iterable[str], machine: Machine, run: Run = run) -> None:
    """Install those of `packages` that are missing; Unusable with the mend where we may not."""
    missing = [package for package in packages if not _is_installed(package, run)] if machine.debian else list(packages)
    if not missing:
        return
    if not (machine.root and machine.debian):
        raise Unusable(f"missing: {' '.join(missing)}. Install them, or run this as root on Debian or Ubuntu")
    with step(f"install {' '.join(missing)}", "15 s"):
        run(["apt-get", "update", "-qq"], env=QUIET)
        run(["apt-get", "install", "-y", "--no-install-recommends", *missing], env=QUIET)
    note = cache.root() / "installed-packages"
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text("\n".join([*_remembered(), *missing]) + os.linesep)


def remove_installed(run: Run = run) -> None:
    """Take away what `install` brought, and nothing else."""
    if packages := _remembered():
        with step(f"remove {' '.join(packages)}", "10 s"):
            run(["apt-get", "purge", "-y", "--autoremove", *packages], env=QUIET)
        (cache.root() / "installed-packages").unlink()
