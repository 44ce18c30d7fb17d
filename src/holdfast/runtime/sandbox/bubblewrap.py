"""The second mode: bubblewrap (bwrap(1)) makes namespaces and files, a fresh Python in it the walls that are left.

For machines that refuse user namespaces to us but have a bwrap that may (set-user-id, or with an AppArmor profile).
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from holdfast.kernel.errors import NeedsOperator, Retryable
from holdfast.runtime.sandbox import walls
from holdfast.runtime.sandbox.cell import Cell
from holdfast.runtime.sandbox.modes import ENVIRONMENT, START, bwrap
from holdfast.runtime.sandbox.process import Process
from holdfast.runtime.sandbox.seccomp import Filter
from holdfast.runtime.sandbox.syscalls import machine
from holdfast.runtime.sandbox.zygote import INSIDE_UID

_SIGNALLED = 128
_START_SECONDS = 30.0


class Bubblewrap:
    """Same face as a zygote: `spawn`, `close`; nothing is kept between sandboxes."""

    alive = True

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._burials: dict[asyncio.Task[None], Process] = {}
        self._unwanted: set[asyncio.Task[Process]] = set()

    async def spawn(self, cell: Cell, payload: int) -> Process:
        """Raises NeedsOperator without bwrap, Retryable when it dies, Permanent when a wall cannot be built."""
        program = bwrap()
        if program is None:
            raise NeedsOperator("bubblewrap is not installed", hint="Debian: apt-get install bubblewrap")
        steer, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ExitStack() as stack:
            stack.enter_context(steer)
            stack.enter_context(theirs)
            steer.setblocking(False)
            said = stack.enter_context(_memory_file())
            reading, writing = os.pipe()
            handed = [*cell.listeners, cell.channel, payload, theirs.fileno()]
            with ExitStack() as child:
                child.callback(os.close, writing)
                files = _memory_files(child)
                argv = [program, *self._arguments(cell.order(), writing, files)]
                argv += [
                    "--",
                    self._settings["view"]["executable"],
                    "-I",
                    "-S",
                    str(START),
                    "inside",
                    str(theirs.fileno()),
                ]
                ran = subprocess.Popen(  # noqa: ASYNC220 - does not wait for more than the exec
                    argv,
                    env=ENVIRONMENT,
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=said,
                    pass_fds=(*handed, writing, *files.values()),
                    start_new_session=True,  # Ctrl-C in our terminal is not meant for it
                )
            theirs.close()
            begun = asyncio.get_running_loop().create_task(self._begun(cell, ran, reading, said))
            try:
                process = await asyncio.shield(begun)
            except asyncio.CancelledError:
                self._unwanted.add(begun)
                begun.add_done_callback(self._drop)
                raise
            told = {name: self._settings[name] for name in ("view", "entry", "root")}
            message = told | {"order": cell.order(), "descriptors": handed[:-1]}
            try:
                await _here(process, steer)
                await process.let_go(steer, json.dumps(message).encode())
            except Retryable as error:
                raise Retryable(f"{error.message}: {_words(said)}", code=error.code) from error
        return process

    def _drop(self, begun: asyncio.Task[Process]) -> None:
        """Whoever asked was cancelled meanwhile."""
        self._unwanted.discard(begun)
        if not begun.cancelled() and begun.exception() is None:
            begun.result().kill()

    async def close(self) -> None:
        """End every sandbox; returns when they are gone."""
        if self._unwanted:
            await asyncio.wait(self._unwanted)
        for process in self._burials.values():
            process.kill()
        await asyncio.gather(*self._burials)

    async def _begun(self, cell: Cell, ran: subprocess.Popen[bytes], reading: int, said: IO[bytes]) -> Process:
        """The process inside: bwrap says its number once it is made. Not to be cancelled: bwrap would die of the closed
        pipe before its child can die with it."""
        info = await asyncio.get_running_loop().run_in_executor(None, _read_all, reading)
        try:
            pidfd = os.pidfd_open(json.loads(info)["child-pid"])
        except (ValueError, OSError) as error:
            ran.kill()
            ran.wait()
            words = _words(said) or str(error)
            raise Retryable(f"bubblewrap could not start {cell.name}: {words}", code="sandbox_failed") from None
        process = Process(cell.name, cell.groups, pidfd)
        burial = asyncio.get_running_loop().create_task(_bury(ran, process))
        self._burials[burial] = process
        burial.add_done_callback(lambda done: self._burials.pop(done, None))
        return process

    def _arguments(self, order: dict[str, Any], info: int, files: dict[str, int]) -> Iterator[str]:
        yield from ("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
        yield from ("--hostname", "worker", "--die-with-parent", "--new-session", "--clearenv")
        for name, value in ENVIRONMENT.items():
            yield from ("--setenv", name, value)
        if self._settings["root"]:
            yield from ("--cap-drop", "ALL")
            for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"):
                yield from ("--cap-add", capability)
        else:
            yield from ("--unshare-user-try", "--uid", str(INSIDE_UID), "--gid", str(INSIDE_UID))
        yield from self._files(order, files)
        yield from ("--info-fd", str(info), "--seccomp", str(files["seccomp"]), "--chdir", "/")

    def _files(self, order: dict[str, Any], files: dict[str, int]) -> Iterator[str]:
        view = self._settings["view"]
        for name, target in view["links"].items():
            yield from ("--symlink", target, f"/{name}")
        if order["temporary_bytes"]:
            yield from ("--perms", "1777", "--size", str(order["temporary_bytes"]), "--tmpfs", "/tmp")  # noqa: S108
        else:
            yield from ("--dir", "/tmp")  # noqa: S108
        for directory in _parents([*view["visible"], "/dev/null", "/etc/passwd"]):
            yield from ("--perms", "0755", "--dir", directory)  # else only for the user that starts it
        for path in view["visible"]:
            yield from ("--ro-bind", path, path)
        for path in view["empty"]:
            yield from ("--tmpfs", path, "--remount-ro", path)
        for name in walls.DEVICES:
            yield from ("--dev-bind", f"/dev/{name}", f"/dev/{name}")
        for name in walls.FILES:
            yield from ("--ro-bind-data", str(files[name]), f"/{name}")
        yield from ("--proc", "/proc", "--ro-bind", order["code"], "/app")
        if order["packages"]:
            yield from ("--ro-bind", order["packages"], "/packages")
        yield from ("--ro-bind", order["sockets"], "/run")
        for name in walls.COVERED:
            yield from ("--ro-bind", "/dev/null", f"/run/{name}")
        yield from ("--remount-ro", "/")


def _parents(paths: Sequence[str]) -> list[str]:
    """Every directory above the paths, outer ones first."""
    found = {str(parent) for path in paths for parent in Path(path).parents}
    return sorted(found - {"/"})


def _memory_files(stack: ExitStack) -> dict[str, int]:
    contents = {name: text.encode() for name, text in walls.FILES.items()}
    contents["seccomp"] = Filter(preparing=True).program(machine())
    made = {}
    for name, content in contents.items():
        made[name] = descriptor = os.memfd_create("sandbox")
        stack.callback(os.close, descriptor)
        os.write(descriptor, content)
        os.lseek(descriptor, 0, os.SEEK_SET)
    return made


def _memory_file() -> IO[bytes]:
    return open(os.memfd_create("said"), "w+b")  # closed by who asked


def _words(said: IO[bytes]) -> str:
    """What bubblewrap, or the Python in it, wrote before its standard streams led nowhere."""
    said.seek(0)
    return said.read(400).decode(errors="replace").strip()


def _read_all(descriptor: int) -> bytes:
    with open(descriptor, "rb") as file:
        return file.read()


async def _here(process: Process, steer: socket.socket) -> None:
    """The worker says so when it runs; it is the one child of bubblewrap's first process in the namespace. (Were it the
    first itself, nothing would end it with the pool: bubblewrap, without capabilities, may not signal another user's.)
    """
    try:
        async with asyncio.timeout(_START_SECONDS):
            said = await asyncio.get_running_loop().sock_recv(steer, 16)
        process.worker_is(_children(process.pid)[0] if said else -1)
    except (TimeoutError, OSError, IndexError) as error:
        process.kill()
        raise Retryable(f"bubblewrap started no worker: {error}", code="sandbox_failed") from error
    except asyncio.CancelledError:
        process.kill()
        raise


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def _bury(ran: subprocess.Popen[bytes], process: Process) -> None:
    """bwrap ends as the worker did, 128 and the number for a signal; what the worker started ends with bwrap."""
    monitor = os.pidfd_open(ran.pid)
    try:
        await _readable(monitor)
    finally:
        os.close(monitor)
    code = ran.wait()
    process.kill()
    await _readable(process.namespace)
    if code > _SIGNALLED and code - _SIGNALLED in {number.value for number in signal.Signals}:
        code = _SIGNALLED - code
    process.ended(code)


async def _readable(pidfd: int) -> None:
    """Until that process has ended. Holds no thread: there may be hundreds."""
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_reader(pidfd, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(pidfd)
