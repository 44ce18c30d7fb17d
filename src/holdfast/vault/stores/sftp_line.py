"""A line to an SFTP server: one SSH connection, made at the first use, made anew when it broke, ended when idle.

Importing this loads asyncssh."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import asyncssh

from holdfast.kernel.errors import Retryable
from holdfast.kernel.outbound_dial import connect
from holdfast.kernel.outbound_policy import OutboundPolicy
from holdfast.kernel.ssh import SshLogin, log_in, ssh_failed

T = TypeVar("T")
ANSWER_SECONDS = 120.0  # of one call, a whole pack over a slow line
SHELL_SECONDS = 15.0
IDLE_SECONDS = 20.0
_ECHOED = "holdfast-was-here"
_lost = (asyncssh.Error, OSError, TimeoutError, EOFError)


class _Loop:
    """One thread for every line of the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def get(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="sftp", daemon=True).start()
            return self._loop


_LOOP = _Loop()


def once(work: Coroutine[Any, Any, T]) -> T:
    """One thing on the lines' loop."""
    return asyncio.run_coroutine_threadsafe(work, _LOOP.get()).result()


class Line:
    """Thread-safe. A connection nobody used for `IDLE_SECONDS` is closed, and so is one whose line is gone."""

    def __init__(self, login: SshLogin, policy: OutboundPolicy) -> None:
        self._held = _Held(login, policy)
        self._loop = _LOOP.get()
        weakref.finalize(self, self._loop.call_soon_threadsafe, self._held.end)

    def call(self, act: Callable[[asyncssh.SFTPClient], Awaitable[T]]) -> T:
        """What `act` answers. Raises the SFTP server's own asyncssh.SFTPError; Retryable when the line broke or no
        answer came in `ANSWER_SECONDS`; NeedsOperator for another host key or a refused login."""
        asked = asyncio.run_coroutine_threadsafe(self._held.use(act), self._loop)
        return asked.result()

    def shell(self) -> bool:
        """Whether the login may run commands too. It runs `echo`: where every command is the SFTP server, as with
        `ForceCommand internal-sftp`, that one succeeds and says nothing. Raises as `call`."""
        return asyncio.run_coroutine_threadsafe(self._held.shell(), self._loop).result()


class _Held:
    """On the loop only."""

    def __init__(self, login: SshLogin, policy: OutboundPolicy) -> None:
        self._login, self._policy = login, policy
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None
        self._turn = asyncio.Lock()
        self._users = 0
        self._idle: asyncio.TimerHandle | None = None

    async def use(self, act: Callable[[asyncssh.SFTPClient], Awaitable[T]]) -> T:
        self._users += 1
        self._awake()
        mine: asyncssh.SSHClientConnection | None = None
        try:
            client = await self._connected()
            mine = self._connection
            async with asyncio.timeout(ANSWER_SECONDS):
                return await act(client)
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection) as error:
            self._broke(mine)
            raise ssh_failed(error, self._login.host) from error
        except asyncssh.SFTPError:
            raise
        except _lost as error:
            self._broke(mine)
            raise ssh_failed(error, self._login.host) from error
        finally:
            self._users -= 1
            self._rest()

    async def shell(self) -> bool:
        async def echoes(_: asyncssh.SFTPClient) -> bool:
            assert self._connection is not None  # noqa: S101 - made just now
            try:
                async with asyncio.timeout(SHELL_SECONDS):
                    ran = await self._connection.run(f"echo {_ECHOED}", stdin=asyncssh.DEVNULL, check=False)
            except (asyncssh.ChannelOpenError, TimeoutError):
                return False
            return _ECHOED in str(ran.stdout)

        return await self.use(echoes)

    def _broke(self, connection: asyncssh.SSHClientConnection | None) -> None:
        """Ends it, unless it was ended before: then the one there is now is somebody else's, and works."""
        if connection is self._connection:
            self.end()

    def end(self) -> None:
        self._awake()
        connection, self._connection, self._client = self._connection, None, None
        if connection is not None:
            connection.abort()

    async def _connected(self) -> asyncssh.SFTPClient:
        async with self._turn:
            if self._client is not None and self._connection is not None and not self._connection.is_closed():
                return self._client
            self.end()
            sock, _ = await connect(self._policy, self._login.host, self._login.port)
            try:
                connection = await log_in(sock, self._login)
            except BaseException:
                sock.close()
                raise
            try:
                self._client = await connection.start_sftp_client()
            except (asyncssh.Error, OSError) as error:
                connection.abort()
                raise Retryable(
                    f"the SSH server {self._login.host} offers no SFTP",
                    code="sftp_absent",
                    hint="Switch its subsystem on: `Subsystem sftp internal-sftp` in sshd_config.",
                ) from error
            self._connection = connection
            return self._client

    def _awake(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _rest(self) -> None:
        if self._users == 0:
            self._awake()
            self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, self.end)
