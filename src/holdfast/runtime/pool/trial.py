"""A version that is not deployed yet is started once, to see whether it can. Nobody reaches it; its bindings are names
behind which there is nothing, and there is no way out. Code that asks for either while it is imported is noticed."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

from holdfast.kernel.errors import Retryable
from holdfast.runtime.bindings import frames
from holdfast.runtime.bindings.greeting import greeting
from holdfast.runtime.live import LiveVersion, Sockets
from holdfast.runtime.pool.control import Untried
from holdfast.runtime.pool.doors import Doors, listener
from holdfast.runtime.pool.process import Parts, Process

_NOWHERE = (
    b"HTTP/1.1 503 A version that is only tried has no way out\r\nholdfast-error: only_tried\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)
_Served = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Trials:
    """All on the event loop's thread. `making` is held while sockets of a trial come to be: whoever sweeps away those
    of nobody looks at `versions` and sweeps with it held."""

    def __init__(self, runtime: Path, parts: Parts) -> None:
        self._runtime = runtime
        self._parts = parts
        self._running: dict[str, LiveVersion] = {}
        self.making = asyncio.Lock()

    @property
    def versions(self) -> Sequence[LiveVersion]:
        """Those that are being tried, with the tokens they have meanwhile."""
        return list(self._running.values())

    async def run(self, version: LiveVersion) -> Untried | None:
        """None when it became ready, else why it did not; its log has the trace. Raises HoldfastError when its sockets
        cannot be made."""
        trial = replace(version, token=f"try{secrets.token_hex(8)}", warm=0)
        sockets = Sockets.of(self._runtime, trial.token)
        used: set[str] = set()
        self._running[trial.token] = trial
        with contextlib.ExitStack() as held:
            held.callback(self._running.pop, trial.token)
            try:
                async with self.making:
                    doors = Doors(sockets, lambda: None)
                    held.callback(doors.close)
                    for path, serve in ((sockets.bind, _names(trial, used)), (sockets.egress, _nowhere(used))):
                        held.callback(path.unlink, missing_ok=True)
                        held.callback((await asyncio.start_unix_server(serve, sock=_open_to_all(path))).close)
            except OSError as error:
                raise Retryable(f"the version cannot be tried: {error}", code="trial_impossible") from error
            ended = await Process(trial, 1, doors, self._parts, Process.kill, lambda *_: None).run()
        return None if ended.ready or ended.failure is None else Untried(ended.failure, tuple(sorted(used)))


def _names(version: LiveVersion, used: set[str]) -> _Served:
    """What a process waits for before it imports anything: the names of its bindings. A call is not answered."""
    words = frames.frame(0, frames.HELLO, 0, greeting(version))

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(words)
            if await reader.read(1):
                used.add("bindings")
            await reader.read()  # until it has gone
        except OSError:
            return
        finally:
            writer.close()

    return greet


def _nowhere(used: set[str]) -> _Served:
    """A way out that leads nowhere, and says so."""

    async def end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        used.add("network")
        try:
            if await reader.read(65536):
                writer.write(_NOWHERE)
                await writer.drain()
        except OSError:
            return
        finally:
            writer.close()

    return end


def _open_to_all(path: Path) -> socket.socket:
    """The process has a user of its own, and there is nothing behind this socket to protect."""
    made = listener(path)
    path.chmod(0o666)
    return made
