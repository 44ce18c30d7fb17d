"""Starting children: what a launch is, and the parent's side of `launch.py`."""

from __future__ import annotations

import ctypes
import json
import os
import queue
import stat
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from holdfast.kernel.errors import NeedsOperator, Permanent

_LAUNCHER = Path(__file__).with_name("launch.py")
_HINTS = {
    "cgroup": "the control group could not be joined; `holdfast doctor` shows which controllers may be used",
    "namespace": "mount namespaces are refused here: give Holdfast CAP_SYS_ADMIN, or run it as an ordinary user",
    "user": "choose HOLDFAST_DATA outside /root, e.g. /var/lib/holdfast, or run Holdfast as an ordinary user",
    "exec": "the program is missing or may not be executed; `holdfast engine install` puts it back",
}


@dataclass(frozen=True)
class Launch:
    """One child, complete: what to run, as whom, seeing what. Serialisable; secrets only where `env` carries them.

    `user` None = as we are. `paths` are (path, read-only) that the child must reach; `veils` the directories covered
    so that it reaches nothing else below them. `isolated` = no network but its own loopback. `death_signal` is sent
    when the process that starts it dies (0: it survives).
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = "/"
    user: int | None = None
    mounts: bool = False
    isolated: bool = False
    veils: tuple[str, ...] = ()
    paths: tuple[tuple[str, bool], ...] = ()
    passwd: str | None = None
    cgroups: tuple[str, ...] = ()
    umask: int = 0o077
    nofile: int = 4096
    no_new_privileges: bool = True
    death_signal: int = 0
    pidfile: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Launch:
        """Inverse of `as_dict` after JSON. Raises TypeError for unknown fields."""
        values = dict(raw)
        for name in ("argv", "veils", "cgroups"):
            values[name] = tuple(values[name])
        values["paths"] = tuple((str(path), bool(ro)) for path, ro in values["paths"])
        return cls(**values)


class _Spawner:
    """One long-lived thread that starts every child: a death signal follows the *thread* that forked, so a child
    started from a pool's thread would be killed when that thread retires."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._queue: queue.SimpleQueue[tuple[Future[subprocess.Popen[bytes]], Sequence[str], dict[str, Any]]]

    def popen(self, argv: Sequence[str], options: dict[str, Any]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._queue = queue.SimpleQueue()
                self._thread = threading.Thread(target=self._run, name="spawner", daemon=True)
                self._thread.start()
        future: Future[subprocess.Popen[bytes]] = Future()
        self._queue.put((future, argv, options))
        return future.result()

    def _run(self) -> None:
        while True:
            future, argv, options = self._queue.get()
            try:
                future.set_result(subprocess.Popen(argv, **options))  # owned by the caller from here on
            except OSError as error:
                future.set_exception(error)


_spawner = _Spawner()


def spawn(
    launch: Launch,
    *,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | IO[bytes] = subprocess.DEVNULL,
    descriptors: Mapping[int, int] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in its own session; returns once it has become its program.

    `descriptors`: {number in the child: our descriptor}. Raises NeedsOperator naming the step that failed.
    """
    ours = dict(descriptors or {})
    document = os.memfd_create("launch", 0)
    reading, writing = os.pipe()
    process: subprocess.Popen[bytes] | None = None
    try:
        body = launch.as_dict() | {
            "errors": writing,
            "parent": os.getpid(),
            "descriptors": [[source, target] for target, source in ours.items()],
        }
        os.write(document, json.dumps(body).encode())
        os.lseek(document, 0, os.SEEK_SET)
        argv = (sys.executable, "-I", "-S", "-X", "utf8", str(_LAUNCHER), str(document))
        options: dict[str, Any] = {
            "stdin": stdin,
            "stdout": stdout,
            "stderr": stderr,
            "env": {},
            "bufsize": 0,
            "start_new_session": True,
            "pass_fds": (document, writing, *ours.values()),
        }
        process = _spawner.popen(argv, options)
        os.close(writing)
        writing = -1
        report = _read_all(reading)
    finally:
        for descriptor in (document, reading, writing):
            if descriptor >= 0:
                os.close(descriptor)
    if report:
        _discard(process)
        raise _failure(launch, json.loads(report))
    return process


def _read_all(descriptor: int) -> bytes:
    parts = []
    while part := os.read(descriptor, 65536):
        parts.append(part)
    return b"".join(parts)


def _discard(process: subprocess.Popen[bytes]) -> None:
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _failure(launch: Launch, report: Mapping[str, Any]) -> NeedsOperator:
    step = str(report["step"])
    return NeedsOperator(
        f"could not start {os.path.basename(launch.argv[0])}: {step}: {report['text']}",
        code=f"launch_{step}",
        hint=_HINTS.get(step, "see `holdfast doctor`"),
        details={"step": step, "errno": report["errno"]},
    )


def veils(paths: Sequence[Path], user: int, always: Sequence[Path] = ()) -> tuple[str, ...]:
    """The outermost directories above `paths` that `user` may not pass through, plus `always`; none inside another."""
    found = {str(path) for path in always}
    for path in paths:
        for ancestor in reversed(path.parents):
            if not _may_pass(ancestor, user):
                found.add(str(ancestor))
                break
    return tuple(sorted(v for v in found if not any(v != other and v.startswith(other + "/") for other in found)))


def _may_pass(directory: Path, user: int) -> bool:
    facts = directory.stat()
    if facts.st_uid == user:
        return bool(facts.st_mode & stat.S_IXUSR)
    if facts.st_gid == user:
        return bool(facts.st_mode & stat.S_IXGRP)
    return bool(facts.st_mode & stat.S_IXOTH)


def require_passage(paths: Sequence[Path], user: int) -> None:
    """For machines without mount namespaces: raise NeedsOperator unless `user` can reach every path as it is."""
    for path in paths:
        for ancestor in reversed(path.parents):
            if not _may_pass(ancestor, user):
                raise NeedsOperator(
                    f"an unprivileged server cannot pass through {ancestor} and mount namespaces are refused here",
                    code="data_unreachable",
                    hint="choose HOLDFAST_DATA outside /root, e.g. /var/lib/holdfast",
                )


@lru_cache(maxsize=1)
def namespaces_allowed() -> bool:
    """Whether this process may make mount and network namespaces. Tried in a child, once."""
    if os.geteuid() != 0:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    child = os.fork()
    if child == 0:
        os._exit(0 if libc.unshare(0x00020000 | 0x40000000) == 0 else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def tool(root: Path | None, name: str) -> str:
    """A bare tool name under `root`/bin, or an absolute path as it is. Raises Permanent (code "tool_missing")."""
    if os.path.isabs(name):
        return name
    if root is not None and "/" not in name:
        found = root / "bin" / name
        if found.is_file():
            return str(found)
    raise Permanent(f"there is no tool named {name!r} here", code="tool_missing", hint="run `holdfast engine install`")
