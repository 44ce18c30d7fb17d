"""The tools port: children as an unprivileged user, with byte pipes, that never outlive who asked for them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from holdfast.hosts.launching import Launch, spawn, tool
from holdfast.kernel.errors import Cancelled, LimitExceeded, Permanent
from holdfast.kernel.stop import Stop

OUTPUT_LIMIT = 64 * 1024 * 1024
TAIL = 8 * 1024
_PIPE = 1024 * 1024


class ProcessChild:
    """A running child (contract/tools.py). Its whole process group dies with it."""

    def __init__(self, process: subprocess.Popen[bytes], name: str, stop: Stop | None) -> None:
        self._process = process
        self._name = name
        self._stop = stop
        self.stdin: IO[bytes] | None = process.stdin
        self.stdout: IO[bytes] | None = process.stdout
        self._tail: deque[bytes] = deque()
        self._reader = threading.Thread(target=self._drain, name=f"stderr-{name}", daemon=True)
        self._reader.start()
        if stop is not None:
            stop.on_stop(self.kill)

    def wait(self, timeout: float | None = None) -> None:
        """Raises Cancelled when stopped, LimitExceeded (code "tool_timeout"), else Permanent with stderr's tail."""
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
            raise LimitExceeded(f"{self._name} took longer than {timeout} s", code="tool_timeout") from None
        self._reader.join(5.0)
        if status == 0:
            return
        if self._stop is not None and self._stop.stopped:
            raise Cancelled(f"{self._name} was stopped: {self._stop.reason}")
        tail = self.tail()
        how = f"signal {-status}" if status < 0 else f"status {status}"
        raise Permanent(f"{self._name} failed with {how}: {tail}", code="tool_failed", details={"status": status})

    def tail(self) -> str:
        """The end of stderr so far, at most 8 KiB."""
        return b"".join(self._tail)[-TAIL:].decode(errors="replace").strip()

    def kill(self) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _drain(self) -> None:
        stderr = self._process.stderr
        if stderr is None:
            return
        kept = 0
        while part := stderr.read(65536):
            self._tail.append(part)
            kept += len(part)
            while kept - len(self._tail[0]) >= TAIL:
                kept -= len(self._tail.popleft())
        stderr.close()

    def __enter__(self) -> ProcessChild:
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()
        for pipe in (self.stdin, self.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self._process.wait()
        self._reader.join(5.0)


class ProcessTools:
    """Tools whose children are made by `launch` (argv, env) -> Launch: the caller decided user, mounts and groups."""

    def __init__(
        self, root: Path | None, scratch: Path, launch: Callable[[tuple[str, ...], Mapping[str, str]], Launch]
    ):
        self._root = root
        self._launch = launch
        self.scratch = scratch

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: bool = False,
        stdout: bool = True,
        stop: Stop | None = None,
    ) -> ProcessChild:
        if stop is not None:
            stop.check()
        command = (tool(self._root, argv[0]), *argv[1:])
        process = spawn(
            self._launch(command, env or {}),
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE if stdout else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # past the user's pipe budget: slower, not wrong
                    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)
        return ProcessChild(process, os.path.basename(command[0]), stop)

    def output(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        timeout: float = 120.0,
        stop: Stop | None = None,
    ) -> bytes:
        until = time.monotonic() + timeout
        with self.run(argv, env=env, stdin=stdin is not None, stop=stop) as child:
            guard = threading.Timer(timeout, child.kill)
            guard.daemon = True
            guard.start()
            try:
                feeder = threading.Thread(target=_feed, args=(child.stdin, stdin), daemon=True)
                feeder.start()
                result = _collect(child, os.path.basename(argv[0]))
                feeder.join()
                if time.monotonic() >= until:
                    raise LimitExceeded(f"{argv[0]} took longer than {timeout} s", code="tool_timeout")
                child.wait(max(0.1, until - time.monotonic()))
            finally:
                guard.cancel()
        return result


def _feed(pipe: IO[bytes] | None, content: bytes | None) -> None:
    if pipe is None or content is None:
        return
    view = memoryview(content)
    with contextlib.suppress(BrokenPipeError, ValueError):  # it ended early: its status says why
        while view:
            view = view[pipe.write(view) :]
        pipe.close()


def _collect(child: ProcessChild, name: str) -> bytes:
    parts: list[bytes] = []
    size = 0
    assert child.stdout is not None  # noqa: S101 - `output` always asks for the pipe
    while part := child.stdout.read(1024 * 1024):
        size += len(part)
        if size > OUTPUT_LIMIT:
            raise LimitExceeded(f"{name} printed more than 64 MiB", code="tool_output")
        parts.append(part)
    return b"".join(parts)
