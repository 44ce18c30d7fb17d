"""A version that is not deployed yet is started once, to see whether it can. Nobody reaches it, and its bindings are
names behind which there is nothing: code that is only imported calls none of them."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from holdfast.kernel.errors import Retryable
from holdfast.runtime.bindings import frames
from holdfast.runtime.bindings.values import encode
from holdfast.runtime.live import LiveVersion, Sockets
from holdfast.runtime.pool.doors import Doors, listener
from holdfast.runtime.pool.process import Parts, Process


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

    async def run(self, version: LiveVersion) -> str | None:
        """None when it became ready, else why it did not; its log has the trace. Raises HoldfastError when its sockets
        cannot be made."""
        trial = replace(version, token=f"try{secrets.token_hex(8)}", warm=0)
        sockets = Sockets.of(self._runtime, trial.token)
        self._running[trial.token] = trial
        with contextlib.ExitStack() as held:
            held.callback(self._running.pop, trial.token)
            try:
                async with self.making:
                    doors = Doors(sockets, lambda: None)
                    held.callback(doors.close)
                    held.callback(sockets.bind.unlink, missing_ok=True)
                    held.callback((await _greeting(sockets.bind, trial)).close)
            except OSError as error:
                raise Retryable(f"the version cannot be tried: {error}", code="trial_impossible") from error
            ended = await Process(trial, 1, doors, self._parts, Process.kill, lambda *_: None).run()
        return None if ended.ready else ended.failure


async def _greeting(path: Path, version: LiveVersion) -> asyncio.Server:
    """What a process waits for before it imports anything: the names of its bindings."""
    told = {
        "protocol": frames.PROTOCOL,
        "version": {"id": version.id, "tag": version.tag or "", "timestamp": version.created_at},
        "bindings": [[binding.name, binding.kind] for binding in version.bindings],
    }
    greeting = frames.frame(0, frames.HELLO, 0, encode(told))

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(greeting)
            await reader.read()  # until it has gone; a call is not answered
        except OSError:
            return
        finally:
            writer.close()

    return await asyncio.start_unix_server(greet, sock=_open_to_all(path))


def _open_to_all(path: Path) -> socket.socket:
    """The process has a user of its own, and there is nothing behind this socket to protect."""
    made = listener(path)
    path.chmod(0o666)
    return made
