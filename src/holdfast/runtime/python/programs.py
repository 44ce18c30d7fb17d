"""Why no process begins: said in words to a version without the permit, where the kernel says only EPERM.

This is no wall: that one is the sandbox' filter of system calls, which refuses whatever finds its way round these.
"""

from __future__ import annotations

import _posixsubprocess
import asyncio
import errno
import os
import subprocess
from typing import Any, NoReturn

WHY = "this worker may not start processes: its setting permits.subprocess is off"
_OS = ("fork", "forkpty", "posix_spawn", "posix_spawnp", "system", "execv", "execve")  # what the others are made of


def refuse() -> None:
    """From now on, in this process. Modules that took the functions before keep them, and have the kernel's word."""
    for name in _OS:
        setattr(os, name, _refused)
    _posixsubprocess.fork_exec = _refused
    if hasattr(subprocess, "_fork_exec"):  # from Python 3.11.5 on it has a name of its own for it
        subprocess._fork_exec = _refused
    for name in ("create_subprocess_exec", "create_subprocess_shell"):
        for module in (asyncio, asyncio.subprocess):
            setattr(module, name, _refused_soon)


def _refused(*_: Any, **__: Any) -> NoReturn:
    raise PermissionError(errno.EPERM, WHY)


async def _refused_soon(*_: Any, **__: Any) -> NoReturn:
    _refused()
