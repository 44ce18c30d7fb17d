"""The bindings of every living version: a socket for each, which is the version's name and its only right.

What a worker may reach is decided when its socket is made: the table of handlers behind it. Nothing that travels on
the socket can name another version, another file or another worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Final

from holdfast.runtime.accepting import Accepting
from holdfast.runtime.bindings.connection import Connection
from holdfast.runtime.bindings.d1_binding import D1Binding
from holdfast.runtime.bindings.d1_store import D1Database
from holdfast.runtime.bindings.disk_reserve import DiskReserve
from holdfast.runtime.bindings.greeting import greeting
from holdfast.runtime.bindings.handling import Failure, Gate, Handler, Limits, Quota
from holdfast.runtime.bindings.kv_binding import KvBinding
from holdfast.runtime.bindings.kv_store import Namespace
from holdfast.runtime.bindings.kv_usage import KvQuota
from holdfast.runtime.bindings.ratelimit import RateLimitBinding, VersionBinding, Window
from holdfast.runtime.bindings.service_binding import Directory, ServiceBinding
from holdfast.runtime.bindings.turns import Neighbours
from holdfast.runtime.live import Binding, Json, LiveVersion, Sockets, still_here

_log = logging.getLogger(__name__)
_BACKLOG: Final = 256
_IDLE_SECONDS: Final = 60.0
_SWEEP_SECONDS: Final = 30.0
_READERS: Final = 4  # threads that read long values and lists, of all namespaces


class BindingServer:
    """Serves what `follow` names. `owner` gives the uid that may connect to a version's socket (only as root);
    `gate`, of a resource's id, is held while its file is used; `reserve` stays free on their disks."""

    def __init__(
        self,
        runtime: Path,
        *,
        owner: Callable[[str], int] | None = None,
        gate: Callable[[str], AbstractContextManager[None]] | None = None,
        limits: Limits | None = None,
        reserve: DiskReserve | None = None,
    ) -> None:
        self._runtime, self._owner, self._gate, self._limits = runtime, owner, gate, limits or Limits()
        self._reserve = reserve or DiskReserve()
        self._doors: dict[str, _Door] = {}
        self._namespaces: dict[Path, Namespace] = {}
        self._databases: dict[Path, D1Database] = {}
        self._windows: dict[tuple[str, str, int, float], Window] = {}
        self._directory = Directory(runtime)
        self._neighbours = Neighbours()
        self._pool = ThreadPoolExecutor(_READERS, thread_name_prefix="kv reader")

    async def follow(self, versions: Sequence[LiveVersion], quotas: Mapping[Path, KvQuota] | None = None) -> None:
        """Open the sockets of new versions, close those of versions that are gone; the others notice nothing. One that
        leaves is called by no other worker. `quotas`: of namespaces, by their files."""
        self._directory.replace([each for each in versions if not each.leaving])
        living = still_here(versions, self._runtime)
        wanted = {version.token: version for version in living}
        for token, door in list(self._doors.items()):
            version = wanted.get(token)
            if version is None or version.bindings != door.version.bindings:
                await self._doors.pop(token).close()
        for token, version in wanted.items():
            if token in self._doors:
                continue
            try:
                self._doors[token] = await self._open(version)
            except (OSError, KeyError, ValueError) as error:  # the others go on; the next look tries again
                _log.error("the bindings of %s, version %s, cannot listen: %s", version.worker, version.number, error)
        self._forget(living)
        for path, namespace in self._namespaces.items():
            namespace.quota = (quotas or {}).get(path)

    async def upkeep(self) -> None:
        """Until cancelled: take expired keys out of files, close files nobody uses."""
        swept = time.monotonic()
        while True:
            await asyncio.sleep(_SWEEP_SECONDS / 3)
            if time.monotonic() - swept > _SWEEP_SECONDS:
                swept = time.monotonic()
                for namespace in list(self._namespaces.values()):
                    try:
                        await namespace.sweep()
                    except Failure as error:
                        _log.debug("expired keys stay in %s for now: %s", namespace.path.name, error)
            self.close_idle(_IDLE_SECONDS)

    def close_idle(self, seconds: float) -> None:
        """Close the files that were not used for so long."""
        before = time.monotonic() - seconds
        for opened in self._files():
            if opened.used < before:
                opened.rest()

    async def close(self) -> None:
        """Close every socket and file. Writes that were given are still made."""
        for door in self._doors.values():
            await door.close()
        self._doors.clear()
        for opened in self._files():
            opened.rest()
        self._pool.shutdown(wait=False)

    def _files(self) -> list[Namespace | D1Database]:
        return [*self._namespaces.values(), *self._databases.values()]

    async def _open(self, version: LiveVersion) -> _Door:
        quota = Quota(self._limits, self._neighbours)
        table = [self._handler(version, binding, quota) for binding in version.bindings]
        door = _Door(version, table, greeting(version), quota)
        await door.listen(Sockets.of(self._runtime, version.token).bind, self._owner)
        return door

    def _handler(self, version: LiveVersion, binding: Binding, quota: Quota) -> Handler:
        target = binding.target
        if binding.kind == "kv":
            path = Path(str(target["path"]))
            return KvBinding(
                self._namespaces.setdefault(path, Namespace(path, self._pool, self._gate_of(target), self._reserve)),
                quota,
            )
        if binding.kind == "d1":
            path = Path(str(target["path"]))
            return D1Binding(self._databases.setdefault(path, self._database(path, target)), quota)
        if binding.kind == "ratelimit":
            limit, period = _number(target["limit"]), _number(target["period"])
            key = (version.environment_id, str(target["namespace"]), int(limit), period)
            return RateLimitBinding(self._windows.setdefault(key, Window(int(limit), period)))
        if binding.kind == "service":
            entrypoint = target.get("entrypoint")
            return ServiceBinding(
                self._directory, str(target["worker_id"]), None if entrypoint is None else str(entrypoint)
            )
        return VersionBinding(version.id, version.tag, version.created_at)

    def _database(self, path: Path, target: Mapping[str, Json]) -> D1Database:
        return D1Database(path, self._gate_of(target), reserve=self._reserve)

    def _gate_of(self, target: Mapping[str, Json]) -> Gate:
        resource = target.get("resource_id")
        return nullcontext if self._gate is None or resource is None else partial(self._gate, str(resource))

    def _forget(self, living: Sequence[LiveVersion]) -> None:
        """Close the files that no living version names."""
        named = {Path(str(b.target["path"])) for v in living for b in v.bindings if b.kind in ("kv", "d1")}
        for opened in self._files():
            if opened.path not in named:
                opened.rest()
        self._namespaces = {path: each for path, each in self._namespaces.items() if path in named}
        self._databases = {path: each for path, each in self._databases.items() if path in named}


class _Door:
    """One version's socket."""

    def __init__(self, version: LiveVersion, table: Sequence[Handler], greeting: bytes, quota: Quota) -> None:
        self.version = version
        self._table, self._greeting, self._quota = table, greeting, quota
        self._open: set[Connection] = set()
        self._server: Accepting | None = None
        self._path: Path | None = None
        self._inode = 0

    async def listen(self, path: Path, owner: Callable[[str], int] | None) -> None:
        """Made under another name and renamed, so that whoever finds it may already connect."""
        path.parent.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o711, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        try:
            listener.bind(str(fresh))
            fresh.chmod(0o600)
            if owner is not None and os.geteuid() == 0:
                user = owner(self.version.token)
                os.chown(fresh, user, user)
            listener.listen(_BACKLOG)
            self._inode = fresh.stat().st_ino
            fresh.rename(path)
        except BaseException:
            listener.close()
            fresh.unlink(missing_ok=True)
            raise
        self._path = path
        self._server = Accepting(listener, self._connection)

    def _connection(self) -> Connection:
        return Connection(self._table, self._greeting, self._quota, self._open)

    async def close(self) -> None:
        """Also ends what is connected: a version that is gone has no rights left."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._open):
            connection.abort()
        if self._path is not None:
            with contextlib.suppress(FileNotFoundError):
                if self._path.stat().st_ino == self._inode:  # else another process of ours already listens there
                    self._path.unlink()


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"a rate limit needs numbers, not {value!r}")
    return value
