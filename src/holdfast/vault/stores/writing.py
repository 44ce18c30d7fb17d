"""Writing a file past the page cache: nobody reads a pack soon, and copying it there costs more than the rest of it."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
from collections.abc import Sequence

LEAST_BYTES = 1 << 20  # smaller files are not worth it
_BUFFER_BYTES = 8 << 20
_ALIGNED = 4096
_MANY = 512  # buffers per writev: the kernel takes 1024
_KEPT = 2
_free: list[mmap.mmap] = []  # buffers that wait for the next file

Parts = Sequence[bytes | memoryview]


def write_all(fd: int, parts: Parts) -> None:
    """Append everything; not durable before `fsync`. Raises OSError."""
    if sum(map(len, parts)) < LEAST_BYTES or not _direct(fd, on=True):
        _through_cache(fd, parts)
        return
    try:
        buffer = _free.pop()
    except IndexError:
        buffer = mmap.mmap(-1, _BUFFER_BYTES)
    with memoryview(buffer) as view:
        _past_cache(fd, parts, view)
    if len(_free) < _KEPT:
        _free.append(buffer)
    else:
        buffer.close()


def _past_cache(fd: int, parts: Parts, view: memoryview) -> None:
    """By way of `view`, since only memory at page bounds can be handed to the disk; the odd end goes through the
    cache."""
    held = 0
    for part in parts:
        at = 0
        while at < len(part):
            taken = min(len(part) - at, len(view) - held)
            view[held : held + taken] = part[at : at + taken] if taken < len(part) else part
            held, at = held + taken, at + taken
            if held == len(view):
                _put(fd, view)
                held = 0
    whole = held - held % _ALIGNED
    _put(fd, view[:whole])
    _direct(fd, on=False)
    _put(fd, view[whole:held])


def _put(fd: int, data: memoryview) -> None:
    while len(data):
        try:
            data = data[os.write(fd, data) :]
        except OSError as error:
            if error.errno != errno.EINVAL or not _direct(fd, on=False):  # a file system that promised too much
                raise


def _direct(fd: int, *, on: bool) -> bool:
    """Whether that was changed."""
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    wanted = flags | os.O_DIRECT if on else flags & ~os.O_DIRECT
    if wanted == flags:
        return False
    try:
        fcntl.fcntl(fd, fcntl.F_SETFL, wanted)
    except OSError:
        return False
    return True


def _through_cache(fd: int, parts: Parts) -> None:
    for at in range(0, len(parts), _MANY):
        waiting = [memoryview(part) for part in parts[at : at + _MANY] if len(part)]
        while waiting:
            written = os.writev(fd, waiting)
            while waiting and written >= len(waiting[0]):
                written -= len(waiting.pop(0))
            if written:
                waiting[0] = waiting[0][written:]
