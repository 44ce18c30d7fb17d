"""A version that is not deployed yet is started once, to see whether it can. Nobody reaches it. It has the bindings it
is to be deployed with and the way out its worker has: a file beside its sockets says so to the processes that serve
them. Where these do not come in time, its bindings are names behind which there is nothing, and no way leads out; code
that asks for either while it is imported is noticed then."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from holdfast.kernel.errors import Retryable
from holdfast.runtime.bindings import frames
from holdfast.runtime.bindings.greeting import greeting
from holdfast.runtime.live import TRIAL, LiveVersion, Sockets
from holdfast.runtime.pool.control import Untried
from holdfast.runtime.pool.doors import Doors, listener
from holdfast.runtime.pool.process import Parts, Process

_SERVED_SECONDS = 3.0
_LOOK_SECONDS = 0.005
_NOWHERE = (
    b"HTTP/1.1 503 The way out is not served now\r\nholdfast-error: only_tried\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)
_Served = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Trials:
    """All on the event loop's thread. `making` is held while sockets of a trial come to be: whoever sweeps away those
    of nobody looks at `versions` and sweeps with it held. `told`: called when what is tried changed, if anybody serves
    bindings and ways out."""

    def __init__(self, runtime: Path, parts: Parts, told: Callable[[], None] | None = None) -> None:
        self._runtime = runtime
        self._parts = parts
        self._told = told
        self._running: dict[str, LiveVersion] = {}
        self.making = asyncio.Lock()

    @property
    def versions(self) -> Sequence[LiveVersion]:
        """Those that are being tried, with the tokens they have meanwhile."""
        return list(self._running.values())

    async def run(self, version: LiveVersion, bindings: Sequence[Mapping[str, Any]] = ()) -> Untried | None:
        """None when it became ready, else why it did not; its log has the trace. Raises HoldfastError when its sockets
        cannot be made."""
        trial = replace(version, token=f"{TRIAL}{secrets.token_hex(8)}", warm=0)
        sockets = Sockets.of(self._runtime, trial.token)
        used: set[str] = set()
        self._running[trial.token] = trial
        with contextlib.ExitStack() as held:
            held.callback(self._running.pop, trial.token)
            try:
                async with self.making:
                    doors = Doors(sockets, lambda: None)
                    held.callback(doors.close)
                    held.callback(self._tell, sockets, None)
                    self._tell(sockets, {"version_id": version.id, "bindings": [dict(each) for each in bindings]})
                await self._served(sockets)
                for path, serve in ((sockets.bind, _names(trial, used)), (sockets.egress, _nowhere(used))):
                    if not path.exists():
                        held.callback(path.unlink, missing_ok=True)
                        held.callback((await asyncio.start_unix_server(serve, sock=_open_to_all(path))).close)
            except OSError as error:
                raise Retryable(f"the version cannot be tried: {error}", code="trial_impossible") from error
            ended = await Process(trial, 1, doors, self._parts, Process.kill, lambda *_: None).run()
        return None if ended.ready or ended.failure is None else Untried(ended.failure, tuple(sorted(used)))

    def _tell(self, sockets: Sockets, said: Mapping[str, Any] | None) -> None:
        """Those who serve its sockets what it is bound to; None: that it is over."""
        if self._told is None:
            return
        if said is None:
            sockets.trial.unlink(missing_ok=True)
        else:
            beside = sockets.trial.with_name(".trial")
            with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
                json.dump(said, file)
            beside.rename(sockets.trial)
        self._told()

    async def _served(self, sockets: Sockets) -> None:
        """Until both sockets are there, or too long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SERVED_SECONDS if self._told is not None else 0):
                while not (sockets.bind.exists() and sockets.egress.exists()):  # noqa: ASYNC110 - others make them
                    await asyncio.sleep(_LOOK_SECONDS)


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
