"""What this machine is and may do, as far as a container engine cares."""

import os
import resource
import shutil
from dataclasses import dataclass
from pathlib import Path

CAP_SYS_RESOURCE = 24


@dataclass(frozen=True, slots=True)
class Machine:
    """Facts, read once; nothing here is a decision."""

    root: bool
    debian: bool  # or a distribution made of it: apt-get and its package names
    systemd: bool  # is process 1
    cgroups: int  # version, 1 or 2
    raises_limits: bool  # has CAP_SYS_RESOURCE
    open_files: int  # hard limit
    processes: int  # hard limit


def this_machine() -> Machine:
    """The machine we are on."""
    return Machine(
        root=os.geteuid() == 0,
        debian=shutil.which("apt-get") is not None and Path("/etc/debian_version").exists(),
        systemd=Path("/run/systemd/system").is_dir(),
        cgroups=1 if Path("/sys/fs/cgroup/cpu").exists() else 2,  # 2 too in the virtual machine that others have
        raises_limits=_has_capability(CAP_SYS_RESOURCE),
        open_files=_hard(resource.RLIMIT_NOFILE),
        processes=_hard(resource.RLIMIT_NPROC),
    )


def _has_capability(bit: int) -> bool:
    status = Path("/proc/self/status")
    if not status.exists():
        return True  # no Linux: the engine has a virtual machine of its own
    effective = next(line for line in status.read_text().splitlines() if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> bit & 1)


def _hard(limit: int) -> int:
    hard = resource.getrlimit(limit)[1]
    return 2**31 - 1 if hard == resource.RLIM_INFINITY else hard
