"""How much memory this process may have: what its container is limited to, else what the machine has."""

import os
import zipfile
from pathlib import Path

from contender_serving.failures import Failure, Reason

CGROUP = Path("/sys/fs/cgroup/memory.max")


def limit(cgroup: Path = CGROUP) -> int:
    """Bytes."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(machine, int(cgroup.read_text()))
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return machine


def check_fits(file: Path, available: int) -> None:
    """Raise `Failure` (ModelTooLarge) if a model's file, unpacked, is larger than the memory: before it is parsed."""
    needed = _unpacked(file)
    if needed > available:
        raise Failure(
            Reason.MODEL_TOO_LARGE,
            f"{file.name} has {needed} bytes unpacked, the memory limit is {available}; "
            "raise spec.resources.limits.memory well above the model's size",
        )


def _unpacked(file: Path) -> int:
    if not zipfile.is_zipfile(file):
        return file.stat().st_size
    with zipfile.ZipFile(file) as archive:  # reads no more of a member than it says here
        return sum(member.file_size for member in archive.infolist())
