"""A proxy for workers (RFC 9110, 7.3.2 and 9.3.6): requests in absolute form over plain http, CONNECT for the rest.

    egress = EgressServer(settings.runtime, OutboundPolicy.of(settings), owner)
    await egress.apply(versions)      # again whenever they change
    await egress.close()

The socket says which version asks. Its list of hosts is asked first, then every address of the name is judged and the
connection goes to a judged one. TLS stays between the worker and the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from holdfast.kernel import log
from holdfast.kernel.outbound_policy import OutboundPolicy
from holdfast.runtime.accepting import Accepting, Pace
from holdfast.runtime.egress.permitted import Permitted
from holdfast.runtime.egress.serving import Bounds, Usage, serve
from holdfast.runtime.live import LiveVersion, Sockets, still_here

_BACKLOG = 128
_PACE = Pace(burst=256, a_second=500.0)  # every call is a connection
_log = log.get("holdfast.egress")


@dataclass(frozen=True)
class _Door:
    version: LiveVersion
    server: Accepting
    path: Path
    inode: int
    tasks: set[asyncio.Task[None]]

    def close(self) -> None:
        """Also what is connected: a version that is gone has no rights left."""
        self.server.close()
        for task in self.tasks:
            task.cancel()
        with contextlib.suppress(FileNotFoundError):
            if self.path.stat().st_ino == self.inode:
                self.path.unlink()


class EgressServer:
    """Belongs to one event loop. `owner(token)` is the uid that may connect, asked where we are root."""

    def __init__(
        self,
        runtime: Path,
        policy: OutboundPolicy,
        owner: Callable[[str], int] | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        self._runtime, self._policy, self._owner = runtime, policy, owner
        self._bounds = bounds or Bounds()
        self._doors: dict[str, _Door] = {}
        self._usage: dict[str, Usage] = {}

    async def apply(self, versions: Sequence[LiveVersion]) -> None:
        """Listen for these and no others. One whose permits changed has its connections ended. Raises OSError."""
        versions = await asyncio.to_thread(still_here, versions, self._runtime)
        wanted = {version.token: version for version in versions}
        for token, door in list(self._doors.items()):
            new = wanted.get(token)
            if new is None or new.permits != door.version.permits or not door.path.exists():
                del self._doors[token]
                door.close()
        for token, version in wanted.items():
            if token not in self._doors:
                self._doors[token] = await self._open(version)
        living = {version.id for version in versions}
        self._usage = {each: usage for each, usage in self._usage.items() if each in living}

    def usage(self) -> dict[str, Usage]:
        """By version id, since this process began."""
        return dict(self._usage)

    async def close(self) -> None:
        doors, self._doors = self._doors, {}
        for door in doors.values():
            door.close()
        tasks = [task for door in doors.values() for task in door.tasks]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _open(self, version: LiveVersion) -> _Door:
        path = Sockets.of(self._runtime, version.token).egress
        listener = await asyncio.to_thread(self._listen, path, version.token)
        tasks: set[asyncio.Task[None]] = set()
        usage = self._usage.setdefault(version.id, Usage())
        permitted = Permitted(version.permits.network)

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - start_unix_server runs this as one
            tasks.add(task)
            try:
                async with asyncio.timeout(self._bounds.life_seconds):
                    full = len(tasks) > self._bounds.connections
                    await serve(reader, writer, permitted, self._policy, usage, self._bounds, full=full)
            except (OSError, EOFError, ValueError, TimeoutError, asyncio.LimitOverrunError) as error:
                _log.debug("a call of a worker ended", version=version.id, error=type(error).__name__)
            except asyncio.CancelledError:  # its version is gone; StreamReaderProtocol would report it as a failure
                return
            finally:
                tasks.discard(task)
                writer.close()

        def protocol() -> asyncio.StreamReaderProtocol:
            return asyncio.StreamReaderProtocol(asyncio.StreamReader(limit=self._bounds.buffer_bytes), connected)

        server = Accepting(listener, protocol, _PACE)
        return _Door(version, server, path, path.stat().st_ino, tasks)

    def _listen(self, path: Path, token: str) -> socket.socket:
        """Made under another name and renamed, so that whoever finds it may already connect."""
        path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        try:
            listener.bind(str(fresh))
            fresh.chmod(0o600)
            if self._owner is not None and os.geteuid() == 0:
                user = self._owner(token)
                os.chown(fresh, user, user)
            listener.listen(_BACKLOG)
            fresh.rename(path)
        except BaseException:
            listener.close()
            fresh.unlink(missing_ok=True)
            raise
        return listener


def facts(usage: dict[str, Usage]) -> dict[str, dict[str, float]]:
    """As the file that other processes read has it."""
    now = time.time()
    return {each: {"at": now, **vars(found)} for each, found in usage.items()}
