"""A place to hold hostile scripts in, for tests: one `Zygotes`, cells made from a directory of the test's own."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any, TypeVar

from holdfast.runtime.live import Permits, Sockets, WorkerLimits
from holdfast.runtime.sandbox.cell import Cell, Exit, Running
from holdfast.runtime.sandbox.forked import Spare
from holdfast.runtime.sandbox.modes import Mode
from holdfast.runtime.sandbox.view import View
from holdfast.runtime.sandbox.zygotes import Zygotes

HERE = Path(__file__).parent
T = TypeVar("T")
UID = 200_321


@dataclass
class Talk:
    """A sandbox that runs, and the test's end of its channel."""

    running: Running
    pipe: socket.socket
    listeners: tuple[socket.socket, socket.socket]

    async def hear(self) -> Any:
        """Its next message; None when it has closed the channel."""
        data = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.pipe, 1 << 16), 20)
        return json.loads(data) if data else None

    async def end(self) -> Exit:
        """How it ended, within 20 s; our descriptors are closed. May be asked again."""
        ended = await asyncio.wait_for(self.running.wait(), 20)
        self.close()
        return ended

    def close(self) -> None:
        for one in (self.pipe, *self.listeners):
            one.close()


@dataclass
class Pen:
    """`run` for scripts that end by themselves, `start` for others."""

    mode: Mode
    home: Path
    zygotes: Zygotes = field(init=False)
    runner: asyncio.Runner = field(default_factory=asyncio.Runner)
    count: int = 0

    def __post_init__(self) -> None:
        view = View.here(extra=[(HERE, "sandbox_entry.py")])
        self.zygotes = Zygotes(mode=self.mode, entry="sandbox_entry:main", view=view)
        (self.home / "code").mkdir(mode=0o755)
        (self.home / "code" / "main.py").write_text("answer = 42\n")

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def start(
        self, script: str, given: dict[str, Any] | None = None, spare: Spare | None = None, **cell: Any
    ) -> Talk:
        self.count += 1
        sockets = Sockets.of(self.home, str(self.count))
        sockets.directory.mkdir(parents=True)
        sockets.directory.chmod(0o711)
        listeners = (listening(sockets.http), listening(sockets.inner))
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        fields: dict[str, Any] = {
            "name": f"cell-{self.count}",
            "domain": "tests",
            "uid": UID,
            "code": self.home / "code",
            "packages": None,
            "sockets": sockets,
            "payload": json.dumps({**(given or {}), "script": dedent(script)}).encode(),
        }
        descriptors = {"listeners": (listeners[0].fileno(), listeners[1].fileno()), "channel": theirs.fileno()}
        with theirs:
            running = await self.zygotes.spawn(Cell(**fields | descriptors | cell), spare)
        return Talk(running, ours, listeners)

    def run(self, script: str, given: dict[str, Any] | None = None, **cell: Any) -> tuple[list[Any], Exit]:
        """Its messages and how it ended."""

        async def work() -> tuple[list[Any], Exit]:
            talk = await self.start(script, given, **cell)
            try:
                told = []
                while (message := await talk.hear()) is not None:
                    told.append(message)
                return told, await talk.end()
            finally:
                talk.running.kill()
                talk.close()

        return self.do(work())

    def close(self) -> None:
        self.do(self.zygotes.close())
        self.runner.close()


def listening(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(path))
    path.chmod(0o600)
    made.listen()
    return made


def allowed(**switches: Any) -> Permits:
    return Permits(**switches)


def limits(**values: Any) -> WorkerLimits:
    return WorkerLimits(**values)


def modes() -> list[Mode]:
    """Those of whoever runs the tests; `test_unprivileged.py` runs them as another user too."""
    return ["root", "bubblewrap"] if os.geteuid() == 0 else ["userns", "bubblewrap"]
