"""An SSH connection that only forwards to one place (RFC 4254, direct-tcpip), through asyncssh."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import asyncssh

from holdfast.hosts.external import dial, reasons
from holdfast.hosts.external.record import SSH_KEY, SSH_PASSWORD, Where
from holdfast.kernel.outbound_dial import CONNECT_SECONDS, connect
from holdfast.kernel.outbound_policy import OutboundPolicy
from holdfast.kernel.ssh import SshLogin, log_in, ssh_failed


class Tunnel:
    """Lives on one event loop. Connects at the first use, and again when the connection was lost."""

    def __init__(self, where: Where, secrets: Mapping[str, str], policy: OutboundPolicy) -> None:
        assert where.ssh is not None  # noqa: S101 - the caller asks only then
        self._where, self._ssh, self._secrets, self._policy = where, where.ssh, secrets, policy
        self._connection: asyncssh.SSHClientConnection | None = None
        self._turn = asyncio.Lock()

    async def open(self) -> tuple[asyncssh.SSHReader[bytes], asyncssh.SSHWriter[bytes]]:
        """A channel to the registered database. Raises NeedsOperator or Retryable with the reason."""
        connection = await self._connected()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await connection.open_connection(self._where.host, self._where.port, encoding=None)
        except asyncssh.ChannelOpenError as error:
            raise reasons.forward_refused(error, self._where.host, self._where.port) from error
        except (OSError, TimeoutError, asyncssh.Error) as error:
            await self._lose(connection)
            raise ssh_failed(error, self._ssh.host) from error

    async def _connected(self) -> asyncssh.SSHClientConnection:
        async with self._turn:
            if self._connection is None or self._connection.is_closed():
                self._connection = await self._connect()
            return self._connection

    async def _connect(self) -> asyncssh.SSHClientConnection:
        sock, address = await connect(self._policy, self._ssh.host, self._ssh.port)
        try:
            await dial.check_beyond(self._policy, address, self._where.host, self._where.port)
            return await log_in(sock, self._login())
        except BaseException:
            sock.close()
            raise

    def _login(self) -> SshLogin:
        by_password = self._ssh.method == "password"
        return SshLogin(
            self._ssh.host,
            self._ssh.port,
            self._ssh.user,
            self._ssh.host_key,
            key=None if by_password else self._secrets[SSH_KEY],
            password=self._secrets[SSH_PASSWORD] if by_password else None,
        )

    async def _lose(self, connection: asyncssh.SSHClientConnection) -> None:
        connection.abort()
        if self._connection is connection:
            self._connection = None

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            try:
                async with asyncio.timeout(2.0):
                    await connection.wait_closed()
            except TimeoutError:
                connection.abort()
