"""How long a task may run before the kernel asks who is next: short for who answers people, long for who only computes.

Linux from 6.12 on takes `sched_runtime` of an ordinary task as its slice (EEVDF; sched(7), sched_setattr(2)): a task of
a short slice that wakes goes before one of a long slice, and its share of the processor stays the same.
"""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Final

SHORT_SECONDS: Final = 0.0001  # the kernel's least
LONG_SECONDS: Final = 0.1  # and its most
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
_ATTRIBUTES = struct.Struct("IIQiIQQQ")  # size, policy, flags, nice, priority, runtime, deadline, period

_libc = ctypes.CDLL(None, use_errno=True)


def slice_of(task: int, seconds: float) -> None:
    """Of a task (0: who calls); those it starts have the same. Raises OSError where there is no such task, none of
    ours, or the kernel does not know the call. An older kernel takes it and changes nothing."""
    number = _SCHED_SETATTR.get(os.uname().machine)
    if number is None:
        raise OSError(f"the number of sched_setattr is not known on {os.uname().machine}")
    nice = os.getpriority(os.PRIO_PROCESS, task)
    wanted = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, int(seconds * 1e9), 0, 0)
    if _libc.syscall(number, task, wanted, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def answer_soon() -> bool:
    """Called first thing by a process that answers people; its threads and children have it too. False: not to be had
    here, and whoever computes beside it makes it wait a little longer."""
    try:
        slice_of(0, SHORT_SECONDS)
    except OSError:
        return False
    return True
