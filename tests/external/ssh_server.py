"""A real SSH server (asyncssh's own) on a real socket, that forwards to the places it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import asyncssh

USER, PASSWORD = "tunnel user", "p w'\"$(id)"


class _Desk(asyncssh.SSHServer):
    def __init__(self, house: SshHouse) -> None:
        self._house = house

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._house.connections.append(conn)
        self._house.made += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._house.connections.remove(self._connection)

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USER and key.public_data == self._house.client_key.public_data

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> Any:
        self._house.asked.append((dest_host, dest_port))
        return (dest_host, dest_port) in self._house.allowed


class SshHouse:
    def __init__(self, allowed: set[tuple[str, int]]) -> None:
        self.allowed = allowed
        self.asked: list[tuple[str, int]] = []
        self.connections: list[asyncssh.SSHServerConnection] = []
        self.made = 0
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        self.client_key = asyncssh.generate_private_key("ssh-ed25519")
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._server = self.run(self._listen(0))
        self.port = int(self._server.sockets[0].getsockname()[1])

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _listen(self, port: int) -> Any:
        return await asyncssh.listen(
            "127.0.0.1", port, server_host_keys=[self.host_key], server_factory=lambda: _Desk(self), reuse_port=True
        )

    @property
    def shown(self) -> str:
        return str(self.host_key.export_public_key().decode().strip())

    @property
    def key(self) -> str:
        return str(self.client_key.export_private_key().decode())

    def drop(self) -> None:
        """Every connection is cut, as by a network that fails."""
        for connection in list(self.connections):
            self._loop.call_soon_threadsafe(connection.abort)

    def change_host_key(self) -> None:
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        self._server.close()
        self.drop()
        self._server = self.run(self._listen(self.port))

    def close(self) -> None:
        async def end() -> None:
            self._server.close()
            for connection in list(self.connections):
                connection.abort()

        self.run(end())
        self._loop.call_soon_threadsafe(self._loop.stop)


@contextlib.contextmanager
def ssh_house(*allowed: tuple[str, int]) -> Iterator[SshHouse]:
    house = SshHouse(set(allowed))
    try:
        yield house
    finally:
        house.close()
