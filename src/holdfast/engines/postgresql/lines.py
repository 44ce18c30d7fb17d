"""Lines to the server kept open between statements, and made as new before each one.

A statement can leave a session changed: settings, a role, temporary tables, prepared statements, cursors, advisory
locks, LISTEN. `DISCARD ALL` ends all of them (https://www.postgresql.org/docs/18/sql-discard.html) and runs at once
when a statement is over, not when the next one comes: a lock must not outlive the statement that took it. A line in
doubt (a transaction left open, a cancelled statement, bytes nobody asked for) is closed instead.
"""

from __future__ import annotations

import asyncio
import select
import time

import psycopg
from psycopg import generators
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus

from holdfast.contract.spec import Access, Endpoint
from holdfast.engines.postgresql import link
from holdfast.engines.postgresql.link import AsyncConnection

# They win over ALTER ROLE: one user of a role must not end the others' statements by a timeout of their own.
QUERY_SETTINGS = {
    "client_encoding": "UTF8",
    "client_min_messages": "warning",
    "application_name": "holdfast query",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_session_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}
_OLDEST_SECONDS = 600.0  # a backend never gives back the memory its catalog caches took
_RESET_SECONDS = 5.0


def settings(access: Access) -> dict[str, str]:
    return QUERY_SETTINGS | ({"default_transaction_read_only": "on"} if access == "ro" else {})


class Lines:
    """At most one idle line per role, for one statement at a time."""

    def __init__(self, at: Endpoint) -> None:
        self.at = at
        self._idle: dict[Access, AsyncConnection] = {}
        self._resets: dict[Access, asyncio.Task[bool]] = {}
        self._made: dict[AsyncConnection, float] = {}

    async def take(self, access: Access) -> AsyncConnection:
        """A line in the state of a new one. Raises Retryable when the server does not answer."""
        reset = self._resets.pop(access, None)
        clean = reset is None or (_here(reset) and await reset)
        connection = self._idle.pop(access, None)
        if connection is not None:
            if clean and self._usable(connection):
                return connection
            await self._close(connection)
        connection = await link.connect_async(self.at, access, settings(access))
        self._made[connection] = time.monotonic()
        return connection

    async def give(self, access: Access, connection: AsyncConnection, *, clean: bool) -> None:
        """Back from a statement; `clean` False when it did not end by itself."""
        idle = connection.pgconn.status == ConnStatus.OK and (
            connection.pgconn.transaction_status == TransactionStatus.IDLE
        )
        if not clean or not idle or access in self._idle:
            await self._close(connection)
            return
        self._idle[access] = connection
        self._resets[access] = asyncio.get_running_loop().create_task(_reset(connection))

    def _usable(self, connection: AsyncConnection) -> bool:
        if connection.closed or time.monotonic() - self._made[connection] > _OLDEST_SECONDS:
            return False
        readable, _, _ = select.select([connection.pgconn.socket], [], [], 0)
        return not readable  # an idle server says nothing, unless that it ends the session

    async def _close(self, connection: AsyncConnection) -> None:
        self._made.pop(connection, None)
        await connection.close()

    async def close(self) -> None:
        """Idempotent."""
        resets, self._resets = self._resets, {}
        idle, self._idle = self._idle, {}
        running = [task for task in resets.values() if _here(task) and not task.done()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        for connection in idle.values():
            await self._close(connection)


def _here(task: asyncio.Task[bool]) -> bool:
    """Whether it runs on this loop: one of a loop that is closed says nothing any more."""
    return task.get_loop() is asyncio.get_running_loop() and not task.cancelled()


async def _reset(connection: AsyncConnection) -> bool:
    """Whether the line is as new now."""
    try:
        async with asyncio.timeout(_RESET_SECONDS):
            connection.pgconn.send_query(b"DISCARD ALL")
            results = await connection.wait(generators.execute(connection.pgconn))
    except (psycopg.Error, TimeoutError):
        return False
    return all(result.status == ExecStatus.COMMAND_OK for result in results)
