"""Takes this process's way to the network away, for good, while what it listens on goes on being served.

A pickle runs whatever is in it. So before one is loaded, every thread gets a seccomp filter that refuses (EPERM) each
system call by which a new connection or socket could come about, or by which another process could be made to open
one. Accepting on sockets that listen already, reading and writing are not touched. What is started later inherits the
filter. No privileges are needed: `no_new_privs` is enough.
"""

import ctypes
import errno
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass

from contender_serving.failures import Failure, Reason

# <linux/seccomp.h>, <linux/filter.h>, <linux/prctl.h>, <linux/socket.h>
_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_FASTOPEN = 0x20000000  # sends on a socket that is not connected, and so connects it
_X32 = 0x40000000  # the other numbering of x86_64


@dataclass(frozen=True, slots=True)
class _Calls:
    """One architecture: its audit name, and the numbers of its system calls."""

    audit: int
    seccomp: int
    refused: tuple[int, ...]  # socket, connect, bind, listen, ptrace, process_vm_*, pidfd_getfd, io_uring_*, bpf
    sendto: int
    sendmsg: int
    sendmmsg: int


_SAME_EVERYWHERE = (425, 426, 427, 438)
_CALLS = {
    "x86_64": _Calls(0xC000003E, 317, (41, 42, 49, 50, 101, 310, 311, 321, *_SAME_EVERYWHERE), 44, 46, 307),
    "aarch64": _Calls(0xC00000B7, 277, (198, 203, 200, 201, 117, 270, 271, 280, *_SAME_EVERYWHERE), 206, 211, 269),
}


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("k", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction)))


def confine() -> None:
    """Refuse new connections to every thread of this process from now on. Raises `Failure` (LoadFailed)."""
    calls = _CALLS.get(platform.machine())
    if calls is None:
        raise _cannot(f"on {platform.machine()}")
    code = list(_filter(calls))
    instructions = (_Instruction * len(code))(*(_Instruction(*one) for one in code))
    program = _Program(len(code), instructions)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    privileges = libc.prctl(_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0)))
    if privileges or libc.syscall(calls.seccomp, _SET_MODE_FILTER, _ALL_THREADS, ctypes.byref(program)):
        raise _cannot(f"({os.strerror(ctypes.get_errno())})")


def _filter(calls: _Calls) -> Iterator[tuple[int, int, int, int]]:
    """Instructions; `yes` and `no` count how many to skip."""
    refuse, allow = (_RETURN, 0, 0, _REFUSE), (_RETURN, 0, 0, _ALLOW)
    yield from ((_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, calls.audit), refuse)
    yield from ((_LOAD, 0, 0, _NUMBER), (_AT_LEAST, 0, 1, _X32), refuse)
    for number in calls.refused:
        yield from ((_EQUAL, 0, 1, number), refuse)
    for number, flags in ((calls.sendmsg, 2), (calls.sendmmsg, 3), (calls.sendto, 3)):
        yield from ((_EQUAL, 0, 4, number), (_LOAD, 0, 0, _ARGUMENTS + 8 * flags), (_ANY_BIT, 0, 1, _FASTOPEN), refuse)
        yield allow
    yield allow


def _cannot(why: str) -> Failure:
    return Failure(
        Reason.LOAD_FAILED,
        f"the network cannot be kept from a pickle {why}, so it is not loaded; write the model as skops or ONNX, "
        "or let the pod's seccomp profile allow seccomp and prctl",
    )
