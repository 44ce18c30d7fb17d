"""What bounds a sandbox that has no control groups, as an ordinary user's has none."""

from __future__ import annotations

import errno
import os

from sandbox_pen import UID, Pen, limits

from holdfast.runtime.sandbox.syscalls import landlock_version

MEMORY = 64 << 20


def test_without_groups_memory_is_bounded_all_the_same(pen: Pen) -> None:
    script = """
    kept = []
    try:
        while True:
            kept.append(bytearray(1 << 20))
    except MemoryError:
        count = len(kept)
        kept.clear()
        tell(count)
    """
    told, ended = pen.run(script, limits=limits(memory_bytes=MEMORY))
    assert ended.status == 0
    assert 8 < told[0] <= 64


THREADS = """
import threading
hold, made = threading.Event(), 0
try:
    for made in range(500):
        threading.Thread(target=hold.wait, daemon=True).start()
except RuntimeError:
    pass
tell(made)
pipe.recv(10)
"""


def test_without_groups_tasks_are_bounded_all_the_same(pen: Pen) -> None:
    """By user where each version has its own, twice as many; else by a user namespace for each. Not by memory before:
    the stack of a thread would be 8 MiB."""

    async def work() -> list[int]:
        bound = limits(tasks=40, memory_bytes=2 * MEMORY)
        both = [await pen.start(THREADS, limits=bound, uid=UID + one) for one in (0, 1)]
        told = [await each.hear() for each in both]
        for each in both:
            each.running.kill()
            await each.end()
        return told

    most = 80 if os.geteuid() == 0 else 40
    assert [made for made in pen.do(work()) if not 30 < made <= most] == []


UNCOUNTED = {
    "a memory file": "os.memfd_create('x')",
    "a shared mapping": "mmap.mmap(-1, 1 << 20)",
    "a shared device": "mmap.mmap(os.open('/dev/zero', os.O_RDWR), 1 << 20)",
    "a growing mapping": "mmap.mmap(-1, 1 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x100)",
    "a System V segment": "called(libc.shmget(0, 1 << 20, 0o1600))",
    "a System V queue": "called(libc.msgget(0, 0o1600))",
    "System V semaphores": "called(libc.semget(0, 10, 0o1600))",
}


def test_without_groups_there_is_no_memory_that_no_process_has_to_itself(pen: Pen) -> None:
    script = """
    import ctypes, mmap, os
    libc = ctypes.CDLL(None, use_errno=True)
    def called(found):
        if found < 0:
            raise OSError(ctypes.get_errno(), "refused")
    for name, code in given["codes"].items():
        try:
            eval(code)
            tell([name, None])
        except OSError as error:
            tell([name, error.errno])
    tell(len(mmap.mmap(-1, 1 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)))
    """
    told, _ = pen.run(script, {"codes": UNCOUNTED})
    assert told.pop() == 1 << 20
    if not landlock_version():
        told = [each for each in told if each[0] != "a shared device"]
    assert {name: number for name, number in told if number not in (errno.EPERM, errno.EACCES)} == {}
