"""The zygote's inside: started once per trust domain, it imports what workers need and forks a sandbox per order.

Runs as `python -I -S start.py zygote <fd>`. Single-threaded; standard library, ctypes and what it preloads only. It
never reads a payload: descriptors pass through it. It is the first process of a pid namespace, so its end ends every
sandbox it made, and it ends when the pool closes its socket or dies.
"""

from __future__ import annotations

import fcntl
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from itertools import product
from typing import Any, NoReturn

from holdfast.runtime.sandbox import syscalls, walls
from holdfast.runtime.sandbox.seccomp import Filter
from holdfast.runtime.sandbox.syscalls import CLONE_NEWCGROUP, CLONE_NEWPID, CLONE_NEWUSER

INSIDE_UID = 65533  # without root there is one user outside; inside it has this number
_PACKET = 1 << 16
_HTTP, _INNER, _CHANNEL, _PAYLOAD, STEER = 3, 4, 5, 6, 7
_HIGH = 64
Entry = Callable[[int, int, int, bytes], None]


def main(descriptor: int) -> NoReturn:
    """Namespaces first: a process enters a new pid namespace by being born in it, hence the fork."""
    control = socket.socket(fileno=descriptor)
    settings = json.loads(control.recv(_PACKET))
    parent = settings["parent"]
    try:
        apart(root=settings["root"])
    except OSError as error:
        failed(control, error)
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
    pid = os.fork()
    if pid:
        control.close()
        _, status = os.waitpid(pid, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        zygote = Zygote(control, settings)
    except Exception as error:  # noqa: BLE001 - whatever an import raises is told, then this process ends
        failed(control, error)
    zygote.serve()


def failed(control: socket.socket, error: Exception) -> NoReturn:
    control.send(json.dumps({"t": "failed", "error": f"{type(error).__name__}: {error}"[:4000]}).encode())
    os._exit(1)


def apart(*, root: bool) -> None:
    """Namespaces of our own; the next child is the first of a pid namespace. Without root: a user namespace too."""
    uid, gid = os.geteuid(), os.getegid()
    syscalls.unshare(CLONE_NEWPID | walls.OWN | (0 if root else CLONE_NEWUSER))
    if root:
        return
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{INSIDE_UID} {uid} 1"),
        ("gid_map", f"{INSIDE_UID} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


class Zygote:
    """Imports, template, loop."""

    def __init__(self, control: socket.socket, settings: dict[str, Any]) -> None:
        self._control = control
        self._root: bool = settings["root"]
        settle(settings["view"])
        self._entry = resolve(settings["entry"])
        for name in settings["preload"]:
            importlib.import_module(name)
        if len(os.listdir("/proc/self/task")) > 1:
            raise RuntimeError("what the zygote imported has started a thread: no child of a fork would be sound")
        self._shown = walls.outermost(self._visible(settings["view"]))
        self._base = walls.template(settings["view"] | {"visible": self._shown})
        self._own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self._children: dict[int, tuple[int, int]] = {}  # pidfd: (pid, order)
        self._poll = select.poll()
        self._poll.register(control.fileno(), select.POLLIN)
        prepare_filters()
        gc.collect()
        gc.disable()
        gc.freeze()

    def _visible(self, view: dict[str, Any]) -> list[str]:
        """What was imported stays visible, for its parts that are imported later."""
        found = list(view["visible"])
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None) or ""
            for root in view["path"]:
                if file.startswith(root + "/") and not any(file.startswith(one + "/") or file == one for one in found):
                    found.append(os.path.join(root, file[len(root) + 1 :].partition("/")[0]))
        return found

    def serve(self) -> NoReturn:
        self._say({"t": "up"})
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor == self._control.fileno():
                    self._order()
                else:
                    self._ended(descriptor)

    def _order(self) -> None:
        data, descriptors, _, _ = socket.recv_fds(self._control, _PACKET, 16)
        if not data:
            os._exit(0)
        order = json.loads(data)
        try:
            self._fork(order, descriptors)
        except OSError as error:
            self._say({"t": "refused", "id": order["id"], "errno": error.errno, "error": str(error)})
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _fork(self, order: dict[str, Any], descriptors: list[int]) -> None:
        syscalls.unshare(CLONE_NEWPID)
        try:
            pid = os.fork()
            if pid == 0:
                self._become(descriptors[0])
        finally:
            syscalls.setns(self._own, CLONE_NEWPID)
        pidfd = os.pidfd_open(pid)
        self._children[pidfd] = (pid, order["id"])
        self._poll.register(pidfd, select.POLLIN)
        self._say({"t": "started", "id": order["id"]}, [pidfd])

    def _ended(self, pidfd: int) -> None:
        pid, number = self._children.pop(pidfd)
        self._poll.unregister(pidfd)
        os.close(pidfd)
        _, status, used = os.wait4(pid, 0)
        self._say(
            {
                "t": "ended",
                "id": number,
                "status": os.waitstatus_to_exitcode(status),
                "cpu_seconds": used.ru_utime + used.ru_stime,
                "peak_bytes": used.ru_maxrss * 1024,
            }
        )

    def _say(self, message: dict[str, Any], descriptors: list[int] | None = None) -> None:
        try:
            socket.send_fds(self._control, [json.dumps(message).encode()], descriptors or [])
        except BrokenPipeError:
            os._exit(0)  # the pool is gone

    def _become(self, descriptor: int) -> NoReturn:
        """In the child: never returns into the zygote's loop. What belongs to no version yet is made first; the order
        may be there already or come minutes later."""
        try:
            self._control.detach()  # its number is used again
            steer = alone(descriptor)
            walls.part(self._base)
            data, descriptors, _, _ = socket.recv_fds(steer, _PACKET, 4)
            if not data:
                os._exit(0)  # whoever asked is gone
            order = json.loads(data)
            steer.detach()
            arrange([*descriptors, STEER])
            process = walls.enclose(order, self._base, self._shown, root=self._root)
            steer = socket.socket(fileno=STEER)
            if not steer.recv(16):
                os._exit(0)
            syscalls.unshare(CLONE_NEWCGROUP)
            if self._root:
                os.close(process)
            else:
                walls.alone(process)
            walls.seal(order, root=self._root)
        except BaseException as error:  # noqa: BLE001 - this process must end here, whatever it was
            last_words(error)
        run(self._entry, steer)


def alone(descriptor: int) -> socket.socket:
    """The steer at its place; standard streams lead nowhere; nothing else of the zygote stays open."""
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    nowhere = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    os.dup2(high, STEER, inheritable=False)
    os.closerange(3, STEER)
    syscalls.close_from(STEER + 1)
    return socket.socket(fileno=STEER)


def arrange(descriptors: list[int]) -> None:
    """http, inner, channel, payload, steer become 3 to 7; standard streams lead nowhere; nothing else stays open."""
    high = [fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, _HIGH) for one in descriptors]
    nowhere = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    for number, one in zip((_HTTP, _INNER, _CHANNEL, _PAYLOAD, STEER), high, strict=True):
        os.dup2(one, number, inheritable=False)
    syscalls.close_from(STEER + 1)


def run(entry: Entry, steer: socket.socket) -> NoReturn:
    """Say that the walls stand, call the entry, end as it says: 70 when it raises (its host has told why)."""
    code = 70
    try:
        with open(_PAYLOAD, "rb") as file:
            file.seek(0)
            payload = file.read()
        steer.send(b"{}")
        steer.close()
        gc.enable()
        sys.path_importer_cache.clear()  # /packages was not there when the zygote looked
        entry(_HTTP, _INNER, _CHANNEL, payload)
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    finally:
        os._exit(code)


def last_words(error: BaseException) -> NoReturn:
    """Tell whoever asked why there is no sandbox, and end."""
    number = error.errno if isinstance(error, OSError) else None
    text = json.dumps({"errno": number, "error": f"{type(error).__name__}: {error}"[:4000]}).encode()
    try:
        os.write(STEER, text)
    finally:
        os._exit(71)


def prepare_filters() -> None:
    """The programs there are, made once: a child finds them."""
    for switch, shared in product((False, True), repeat=2):
        Filter(subprocess=switch, shared_memory=shared).program(syscalls.machine())


def settle(view: dict[str, Any]) -> None:
    """The same names as inside: what is imported later is found where it was found before. A worker's packages come
    before ours, so that its own version of a library wins."""
    path = list(view["path"])
    at = next((place for place, one in enumerate(path) if os.path.isdir(f"{one}/holdfast")), len(path))
    sys.path[:] = [*path[:at], "/packages", *path[at:]]
    sys.dont_write_bytecode = True
    sys.executable = view["executable"]


def resolve(name: str) -> Entry:
    module, _, function = name.partition(":")
    found: Entry = getattr(importlib.import_module(module), function)
    return found
