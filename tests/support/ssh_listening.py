"""A real SSH server (asyncssh) on a real socket, with a thread of its own: who may log in, and cutting them off."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import asyncssh


class Desk(asyncssh.SSHServer):
    """Takes the house's user, by password or by key."""

    def __init__(self, house: Any) -> None:
        self._house = house  # a subclass of House

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
        return (username, password) == self._house.login

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == self._house.login[0] and key.public_data == self._house.client_key.public_data


class House:
    """`login`: user and password. `made`: connections so far. Subclasses give a desk that offers something."""

    desk: type[Desk] = Desk

    def __init__(self, login: tuple[str, str]) -> None:
        self.login = login
        self.connections: list[asyncssh.SSHServerConnection] = []
        self.made = 0
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        self.client_key = asyncssh.generate_private_key("ssh-ed25519")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._run(self._listen(0))
        self.port = int(self._server.sockets[0].getsockname()[1])

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _listen(self, port: int) -> Any:
        return await asyncssh.listen(
            "127.0.0.1",
            port,
            server_host_keys=[self.host_key],
            server_factory=lambda: self.desk(self),
            encoding=None,
            reuse_port=True,
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
        self._server = self._run(self._listen(self.port))

    def close(self) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    async def _end(self) -> None:
        self._server.close()
        for connection in list(self.connections):
            connection.abort()
        await asyncio.sleep(0.05)  # what serves them comes to its end
