"""Wheels from a file of pinned, hashed requirements: fetched for an image, or unpacked where we use what is in them."""

import platform
import sys
from collections.abc import Callable
from pathlib import Path

from tests.cluster import cache
from tests.cluster.process import run
from tests.cluster.steps import step

IMAGE_PYTHON = "3.13"
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-cache-dir", "--quiet")


def unpacked(name: str, lock: Path, usually: str) -> Path:
    """A folder with the contents of the wheels in `lock`, as pip lays them out for this machine."""

    def fetch(folder: Path) -> None:
        with step(f"fetch {name}", usually):
            run([*PIP, "install", "--no-deps", "--require-hashes", "--target", str(folder), "-r", str(lock)])

    return _kept(name, lock, fetch)


def for_image(name: str, lock: Path) -> Path:
    """A folder with the wheels of `lock` for the images' Python on Linux, to be installed without a network."""
    glibc = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")
    platforms = [f"--platform={each}_{platform.machine()}" for each in glibc]
    target = [*platforms, f"--python-version={IMAGE_PYTHON}", "--only-binary=:all:"]

    def fetch(folder: Path) -> None:
        with step(f"fetch the wheels of the {name} image", "20 s"):
            run([*PIP, "download", "--no-deps", "--require-hashes", *target, "--dest", str(folder), "-r", str(lock)])

    return _kept(f"wheels-{name}", lock, fetch)


def _kept(name: str, lock: Path, fetch: Callable[[Path], None]) -> Path:
    return cache.kept(name, cache.key(lock, platform.machine(), IMAGE_PYTHON), fetch)
