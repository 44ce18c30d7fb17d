"""An SSH connection that only forwards to one place (RFC 4254, direct-tcpip), through asyncssh.

The host key is pinned: no known_hosts file, no agent, no configuration of this user takes part.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Any

import asyncssh

from holdfast.hosts.external import dial, reasons
from holdfast.hosts.external.record import SSH_KEY, SSH_PASSWORD, Where
from holdfast.kernel.errors import HoldfastError, Invalid, NeedsOperator
from holdfast.kernel.outbound_policy import OutboundPolicy

LOGIN_SECONDS = 15.0
KEEPALIVE_SECONDS = 15.0


class _Pinned(asyncssh.SSHClient):
    """Accepts one key and remembers what was shown instead."""

    def __init__(self, expected: asyncssh.SSHKey) -> None:
        self._expected = expected.public_data
        self.shown: str | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        self.shown = fingerprint(key)
        return bool(key.public_data == self._expected)


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
            async with asyncio.timeout(dial.CONNECT_SECONDS):
                return await connection.open_connection(self._where.host, self._where.port, encoding=None)
        except asyncssh.ChannelOpenError as error:
            raise reasons.forward_refused(error, self._where.host, self._where.port) from error
        except (OSError, TimeoutError, asyncssh.Error) as error:
            await self._lose(connection)
            raise reasons.ssh_failed(error, self._ssh.host) from error

    async def _connected(self) -> asyncssh.SSHClientConnection:
        async with self._turn:
            if self._connection is None or self._connection.is_closed():
                self._connection = await self._connect()
            return self._connection

    async def _connect(self) -> asyncssh.SSHClientConnection:
        sock, address = await dial.connect(self._policy, self._ssh.host, self._ssh.port)
        try:
            await dial.check_beyond(self._policy, address, self._where.host, self._where.port)
            return await self._log_in(sock)
        except BaseException:
            sock.close()
            raise

    async def _log_in(self, sock: socket.socket) -> asyncssh.SSHClientConnection:
        pinned = _Pinned(parse_host_key(self._ssh.host_key))
        try:
            async with asyncio.timeout(LOGIN_SECONDS):
                return await asyncssh.connect(
                    sock=sock,
                    host=self._ssh.host,
                    port=self._ssh.port,
                    username=self._ssh.user,
                    client_factory=lambda: pinned,
                    known_hosts=([], [], []),  # none is trusted: every key goes through `validate_host_public_key`
                    server_host_key_algs=_algorithms(self._ssh.host_key),
                    keepalive_interval=KEEPALIVE_SECONDS,
                    keepalive_count_max=3,
                    **_quiet(),
                    **self._login(),
                )
        except asyncssh.HostKeyNotVerifiable as error:
            raise reasons.ssh_key_changed(self._ssh.host, pinned.shown or "none of the kind registered") from error
        except asyncssh.KeyExchangeFailed as error:
            raise reasons.ssh_key_changed(self._ssh.host, "none of the kind registered") from error
        except asyncssh.PermissionDenied as error:
            raise reasons.ssh_login(self._ssh.host) from error
        except (OSError, TimeoutError, asyncssh.Error) as error:
            raise reasons.ssh_failed(error, self._ssh.host) from error

    def _login(self) -> dict[str, Any]:
        if self._ssh.method == "password":
            return {"password": self._secrets[SSH_PASSWORD], "client_keys": None}
        return {"client_keys": [parse_private_key(self._secrets[SSH_KEY])], "password": None}

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


async def shown_host_key(policy: OutboundPolicy, host: str, port: int) -> tuple[str, str]:
    """(the host's public key, its fingerprint) as it shows it now, for somebody to confirm. No login takes place."""
    sock, _ = await dial.connect(policy, host, port)
    try:
        async with asyncio.timeout(LOGIN_SECONDS):
            key = await asyncssh.get_server_host_key(host, port, sock=sock, config=None)
    except (OSError, TimeoutError, asyncssh.Error) as error:
        sock.close()
        raise reasons.ssh_failed(error, host) from error
    if key is None:
        raise NeedsOperator(
            f"{host} showed no host key", code="ssh_host_key_absent", hint="See that it is an SSH server."
        )
    return key.export_public_key().decode().strip(), fingerprint(key)


def parse_host_key(text: str) -> asyncssh.SSHKey:
    """Raises Invalid (code "ssh_host_key_invalid")."""
    try:
        return asyncssh.import_public_key(text.strip())
    except (asyncssh.KeyImportError, ValueError) as error:
        raise _bad("ssh.host_key", "is no public key such as 'ssh-ed25519 AAAA...'", "ssh_host_key_invalid") from error


def parse_private_key(text: str) -> asyncssh.SSHKey:
    """Raises Invalid (code "ssh_key_invalid")."""
    try:
        return asyncssh.import_private_key(text.strip() + "\n")
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError) as error:
        message = "is no private key without a passphrase"
        raise _bad("ssh.key", message, "ssh_key_invalid") from error


def fingerprint(key: asyncssh.SSHKey) -> str:
    """As `ssh-keygen -l` shows it."""
    return str(key.get_fingerprint())


def _bad(field: str, message: str, code: str) -> HoldfastError:
    return Invalid(f"{field} {message}", code=code, details={"fields": [{"field": field, "message": message}]})


def _algorithms(host_key: str) -> list[str]:
    kind = host_key.split(None, 1)[0]
    return ["rsa-sha2-512", "rsa-sha2-256"] if kind == "ssh-rsa" else [kind]


def _quiet() -> dict[str, Any]:
    """Nothing of the user this process runs as: no agent, no configuration, no keys of its home, no Kerberos."""
    return {
        "config": None,
        "agent_path": None,
        "agent_forwarding": False,
        "gss_host": None,
        "x11_forwarding": False,
        "public_key_auth": True,
        "kbdint_auth": False,
        "host_based_auth": False,
        "compression_algs": ["none"],
    }
