"""promtool, Prometheus' own checker of rules and expressions."""

import platform
import shutil
from pathlib import Path

from tests.cluster import cache
from tests.cluster.machine import this_machine
from tests.cluster.process import Unusable, run
from tests.cluster.steps import step


def promtool() -> Path:
    """promtool from PATH, else out of Debian's package, which is unpacked and not installed."""
    if found := shutil.which("promtool"):
        return Path(found)
    if not this_machine().debian:
        raise Unusable("promtool is missing: install it, it comes with Prometheus")
    return cache.kept("promtool", cache.key(platform.machine()), _unpack) / "promtool"


def _unpack(folder: Path) -> None:
    with step("fetch promtool", "5 s"):
        if this_machine().root:
            run(["apt-get", "update", "-qq"])
        run(["apt-get", "download", "prometheus"], cwd=folder)
        (package,) = folder.glob("*.deb")
        run(["dpkg-deb", "--extract", str(package), str(folder / "package")])
        (folder / "package" / "usr" / "bin" / "promtool").rename(folder / "promtool")
        package.unlink()
        shutil.rmtree(folder / "package")
