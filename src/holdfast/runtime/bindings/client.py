"""A worker's side of its bindings. Runs inside the sandbox: standard library only.

One connection carries all calls, any number at once, answered in any order; calls made in the same turn of the loop
leave in one write. When the state process goes away, calls under way fail with BindingLost (reads of keys are asked
again), and the next call connects again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from holdfast.runtime.bindings import frames
from holdfast.runtime.bindings.attributes import BindingError, BindingLost, JsDict, NotAList, options
from holdfast.runtime.bindings.client_d1 import D1Database
from holdfast.runtime.bindings.client_kv import KvNamespace
from holdfast.runtime.bindings.client_service import Fetcher, Hooks, depth
from holdfast.runtime.bindings.link import Link
from holdfast.runtime.bindings.values import decode, encode

__all__ = ["Client", "Hooks", "connect", "depth"]

_PATIENCE: Final = 5.0  # seconds a call waits for a state process that is away
_PAUSE: Final = 0.05


async def connect(path: str, hooks: Hooks | None = None) -> Client:
    """A client of the socket at `path`. Raises BindingError when nobody answers for 5 seconds."""
    client = Client(path, hooks or Hooks())
    await client.ready()
    return client


class Client:
    """Calls by a binding's name. Made by `connect`."""

    def __init__(self, path: str, hooks: Hooks) -> None:
        self.path, self.hooks = path, hooks
        self._link: Link | None = None
        self._connecting = asyncio.Lock()
        self._indexes: dict[str, tuple[int, str]] = {}
        self._metadata: dict[str, Any] = {}

    def env(self, bindings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """An object for each binding of the payload. Raises BindingError for one that this socket does not offer."""
        made: dict[str, Any] = {}
        for binding in bindings:
            name, kind = str(binding["name"]), str(binding["kind"])
            if self._indexes.get(name, (0, ""))[1] != kind:
                raise BindingError("NotBound", f"this version has no binding {name} of the kind {kind}")
            made[name] = self._make(name, kind)
        return made

    def _make(self, name: str, kind: str) -> Any:
        if kind == "kv":
            return KvNamespace(self, name)
        if kind == "d1":
            return D1Database(self, name)
        if kind == "service":
            return Fetcher(self, name)
        if kind == "ratelimit":
            return RateLimit(self, name)
        return JsDict(self._metadata)

    async def ready(self) -> None:
        """Connected, and greeted. Raises BindingError."""
        async with self._connecting:
            if self._link is None or self._link.lost:
                self._link = await self.dial()

    async def dial(self) -> Link:
        """Another connection of this client. Raises BindingError after five seconds without one."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _PATIENCE
        while True:
            try:
                _, link = await loop.create_unix_connection(Link, self.path)
                greeting = await asyncio.wait_for(link.greeting, _PATIENCE)
                break
            except (OSError, TimeoutError) as error:
                if loop.time() >= until:
                    if isinstance(error.__cause__, BindingError):
                        raise error.__cause__ from None
                    raise BindingError("Unavailable", f"the bindings cannot be reached: {error}") from error
                await asyncio.sleep(_PAUSE)
        if greeting.get("protocol") != frames.PROTOCOL:
            raise BindingError("Unavailable", "the state process speaks another version of the bindings' protocol")
        self._metadata = greeting["version"]
        self._indexes = {name: (index, kind) for index, (name, kind) in enumerate(greeting["bindings"])}
        return link

    def index(self, name: str) -> int:
        """The binding's place in the table. Raises BindingError when the version has lost it."""
        if name not in self._indexes:
            raise BindingError("NotBound", f"this version has no binding {name}")
        return self._indexes[name][0]

    async def call(self, name: str, method: int, payload: bytes) -> bytes:
        """The answer's payload. Raises BindingError, BindingLost, TypeError."""
        link = self._link
        if link is None or link.lost or link.blocked is not None:
            link = await self._usable()
        return await link.call(self._indexes[name][0] if name in self._indexes else self.index(name), method, payload)

    async def read(self, name: str, method: int, payload: bytes) -> bytes:
        """As `call`, made once more when the connection is lost: only for what changes nothing."""
        try:
            return await self.call(name, method, payload)
        except BindingLost:
            return await self.call(name, method, payload)

    async def _usable(self) -> Link:
        """A connection that takes something: a new one after a loss, the same one once it has room."""
        while True:
            await self.ready()
            link = self._link
            assert link is not None  # noqa: S101
            if link.blocked is None:
                return link
            await asyncio.wait([link.blocked])

    def close(self) -> None:
        """End the connection; calls under way fail."""
        if self._link is not None:
            self._link.close()


class RateLimit(NotAList):
    """`await env.LIMITER.limit({"key": ...})` -> `{success}`."""

    def __init__(self, client: Client, name: str) -> None:
        self._client, self._name = client, name

    async def limit(self, given: Any = None, /, **named: Any) -> JsDict:
        """Count a call of a key. Raises TypeError for a key that is no string."""
        key = options(given, named).get("key")
        if not isinstance(key, str):
            raise TypeError("limit() needs a key that is a string")
        return JsDict(success=decode(await self._client.call(self._name, 0, encode([key]))))
