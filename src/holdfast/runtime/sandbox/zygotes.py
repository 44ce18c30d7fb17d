"""Where the pool gets its sandboxes: `Zygotes.spawn`, whichever mode this machine allows."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Any

from holdfast.kernel.errors import NeedsOperator, Retryable
from holdfast.runtime.sandbox.bubblewrap import Bubblewrap
from holdfast.runtime.sandbox.cell import Cell, Running
from holdfast.runtime.sandbox.forked import Spare, Zygote
from holdfast.runtime.sandbox.modes import Mode, detect
from holdfast.runtime.sandbox.view import View

ENTRY = "holdfast.runtime.python.host:main"


class Zygotes:
    """One zygote per trust domain, started when the domain's first sandbox is asked for, started again when it died.

    `mode` None: the best that works (tried once, at the first use). `entry`: "module:function", called inside with the
    descriptors of http, inner and channel and the payload; it never returns. `preload`: modules imported before the
    fork, from our own installation (only ours: this import happens outside of any sandbox). Use it on one event loop,
    on the thread that lives as long as the process.
    """

    def __init__(
        self,
        *,
        mode: Mode | None = None,
        entry: str = ENTRY,
        preload: Sequence[str] = (),
        view: View | None = None,
    ) -> None:
        self._mode = mode
        self._entry = entry
        self._preload = tuple(preload)
        self._view = view
        self._zygotes: dict[str, Zygote | Bubblewrap] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._closed = False

    async def spawn(self, cell: Cell, spare: Spare | None = None) -> Running:
        """Returns when the walls stand; the entry is called then. `spare`: in the cell's domain and groups; taken over.
        One that has ended meanwhile costs a fork.

        Raises NeedsOperator when no sandbox can be made on this machine, Permanent ("sandbox_failed") when a wall of
        this one cannot be built, Retryable when the machine or its zygote failed meanwhile.
        """
        payload = _memory_file(cell.payload)
        try:
            for last in (False, True):
                try:
                    zygote = await self._zygote(cell.domain)
                    if isinstance(zygote, Bubblewrap):
                        return await zygote.spawn(cell, payload)
                    taken, spare = spare, None
                    return await zygote.spawn(cell, payload, taken)
                except Retryable as error:
                    if last or error.code != "zygote_died":
                        raise
        finally:
            os.close(payload)
            if spare is not None:
                spare.drop()
        raise AssertionError("unreachable")

    async def warm(self, domain: str) -> None:
        """Have the domain's zygote ready, so that its first sandbox need not wait for the imports."""
        await self._zygote(domain)

    async def prepare(self, domain: str, groups: tuple[str, ...]) -> Spare | None:
        """A process for the domain's next sandbox, forked and in these groups already. None where a mode keeps nothing
        ready. Raises as `spawn` does."""
        zygote = await self._zygote(domain)
        return None if isinstance(zygote, Bubblewrap) else await zygote.prepare(groups)

    async def retire(self, domain: str) -> None:
        """End the domain's zygote and with it every sandbox of the domain."""
        async with self._locks.setdefault(domain, asyncio.Lock()):
            zygote = self._zygotes.pop(domain, None)
            if zygote is not None:
                await zygote.close()

    async def close(self) -> None:
        """End all; returns when nothing of them is left."""
        self._closed = True
        await asyncio.gather(*(self.retire(domain) for domain in list(self._locks)))

    async def _zygote(self, domain: str) -> Zygote | Bubblewrap:
        async with self._locks.setdefault(domain, asyncio.Lock()):
            if self._closed:
                raise Retryable("sandboxes are no longer made: this process is stopping", code="stopping")
            zygote = self._zygotes.get(domain)
            if zygote is None or not zygote.alive:
                if zygote is not None:
                    await zygote.close()
                settings = await self._settings()
                zygote = Bubblewrap(settings) if self._mode == "bubblewrap" else await Zygote.start(settings)
                self._zygotes[domain] = zygote
            return zygote

    async def _settings(self) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        if self._mode is None:
            found = await loop.run_in_executor(None, detect)
            if found.mode is None:
                text = f"workers cannot be held in on this machine: {found.detail}"
                raise NeedsOperator(text, code="no_sandbox", hint=found.hint)
            self._mode = found.mode
        if self._mode == "userns" and os.geteuid() == 0:
            hint = "use the mode `root`: a user namespace of root's leaves root's files readable"
            raise NeedsOperator("workers are never held in by a user namespace of root's", code="no_sandbox", hint=hint)
        if self._view is None:
            self._view = await loop.run_in_executor(None, View.here)
        return {
            "root": os.geteuid() == 0,
            "entry": self._entry,
            "preload": self._preload,
            "view": self._view.as_dict(),
        }


def _memory_file(content: bytes) -> int:
    descriptor = os.memfd_create("payload", os.MFD_CLOEXEC)
    with open(descriptor, "wb", closefd=False) as file:
        file.write(content)
    return descriptor
