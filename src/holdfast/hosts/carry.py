"""Carrying a plan's first half out: directories, files, init commands. Repeatable after a crash at any point."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from holdfast.contract.spec import Command, Plan, Server, Talk
from holdfast.contract.tools import Tools
from holdfast.hosts import owned
from holdfast.hosts.allocation import write_atomic
from holdfast.kernel.errors import Permanent
from holdfast.kernel.stop import Stop

_READY_PAUSE = 0.03


def lay_out(plan: Plan, base: Path, user: int | None, tools: Tools, journal: Path) -> None:
    """`journal` names an initialisation that began and did not end: its half-made files are removed before a new try.

    No server has ever run on them, so nothing of value is lost. Raises Permanent with the tool's last words.
    """
    if journal.exists():
        for line in journal.read_text().splitlines():
            owned.clear(base, Path(line))
        journal.unlink()
    for directory in plan.directories:
        owned.directory(base, directory, user)
    for file in plan.files:
        owned.write(base, file.path, file.content.encode(), file.mode, user)
    waiting = [command for command in plan.init if command.unless is None or not os.path.lexists(command.unless)]
    half_made = [str(command.unless.parent) for command in waiting if command.unless is not None]
    if half_made:
        write_atomic(journal, "\n".join(half_made).encode())
    for command in waiting:
        run(command, tools)
    journal.unlink(missing_ok=True)


def forget(journal: Path, directory: Path) -> None:
    """`directory` is no longer half-made: it was removed, or something whole comes in its place.

    Otherwise the next `lay_out` would clear what stands there then: an old server's data that were put back.
    """
    if not journal.exists():
        return
    left = [line for line in journal.read_text().splitlines() if not Path(line).is_relative_to(directory)]
    if left:
        write_atomic(journal, "\n".join(left).encode())
    else:
        journal.unlink()


def run(command: Command, tools: Tools) -> bytes:
    return tools.output(command.argv, env=command.env, stdin=command.stdin, timeout=command.timeout)


def _ask(talk: Talk) -> None:
    """Raises Permanent (code "tool_failed") with what came instead: the same words as a command that fails."""
    answer = b""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(talk.timeout)
            connection.connect(str(talk.socket))
            connection.sendall(talk.send)
            while len(answer) < len(talk.expect) and (part := connection.recv(4096)):
                answer += part
    except OSError as error:
        raise Permanent(f"no answer: {error.strerror or error}", code="tool_failed") from error
    if not answer.startswith(talk.expect):
        raise Permanent(f"it says {answer[:200].decode(errors='replace').strip()!r}", code="tool_failed")


def wait_ready(server: Server, tools: Tools, last_words: Callable[[], str | None], stop: Stop | None) -> None:
    """Run the ready command until it exits 0, or ask until the answer is right.

    Raises Permanent (code "server_failed"), Cancelled.
    """
    until = time.monotonic() + server.ready_timeout
    while True:
        try:
            _ask(server.ready) if isinstance(server.ready, Talk) else run(server.ready, tools)
        except Permanent as error:
            if error.code not in ("tool_failed", "tool_timeout"):
                raise
            words = last_words()
            if words is None and time.monotonic() > until:
                words = f"not ready after {server.ready_timeout:.0f} s: {error.message}"
            if words is not None:
                raise Permanent(
                    f"the server did not start: {words}",
                    code="server_failed",
                    hint="Its own words say why (memory, disk, a port, its settings); mend that and start it again.",
                ) from error
        else:
            return
        if stop is not None:
            stop.check()
        time.sleep(_READY_PAUSE)
