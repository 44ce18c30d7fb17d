"""OpenSSH's own `sftp-server` behind a real SSH server on a real socket (asyncssh carries the bytes)."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh

USER, PASSWORD = "vault", "p w'\"$(id)"
PROGRAM = Path("/usr/lib/openssh/sftp-server")


class _Desk(asyncssh.SSHServer):
    def __init__(self, house: SftpHouse) -> None:
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

    def session_requested(self) -> Any:
        return _Session(self._house)


class _Session(asyncssh.SSHServerSession[bytes]):
    """The subsystem `sftp` is OpenSSH's program; a command is never run, only answered."""

    def __init__(self, house: SftpHouse) -> None:
        self._house = house
        self._came: asyncio.Queue[bytes | None] = asyncio.Queue()

    def connection_made(self, chan: Any) -> None:
        self._chan = chan

    def subsystem_requested(self, subsystem: str) -> bool:
        self._work = asyncio.get_running_loop().create_task(self._serve())
        return subsystem == "sftp"

    def exec_requested(self, command: str) -> bool:
        asyncio.get_running_loop().call_soon(self._chan.exit, 0 if self._house.commands and command == "true" else 1)
        return True

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self._came.put_nowait(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._came.put_nowait(None)

    async def _serve(self) -> None:
        pipe = asyncio.subprocess.PIPE
        ran = await asyncio.create_subprocess_exec(str(PROGRAM), stdin=pipe, stdout=pipe, cwd=self._house.root)
        assert ran.stdin is not None
        assert ran.stdout is not None
        out = asyncio.create_task(self._answer(ran.stdout))
        with contextlib.suppress(ConnectionError):
            while (data := await self._came.get()) is not None:
                ran.stdin.write(data)
                await ran.stdin.drain()
        ran.stdin.close()
        await ran.wait()
        await out

    async def _answer(self, out: asyncio.StreamReader) -> None:
        while data := await out.read(262_144):
            with contextlib.suppress(OSError):  # they hung up
                self._chan.write(data)


class SftpHouse:
    """`commands`: whether the login may run some too. `root`: a directory for repositories."""

    def __init__(self, root: Path, *, commands: bool) -> None:
        if not PROGRAM.exists():
            raise FileNotFoundError(f"{PROGRAM}: apt-get install openssh-sftp-server")
        self.root, self.commands = root, commands
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
            server_factory=lambda: _Desk(self),
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
        async def end() -> None:
            self._server.close()
            for connection in list(self.connections):
                connection.abort()
            await asyncio.sleep(0.05)  # what serves them ends its sftp-server

        self._run(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


@contextlib.contextmanager
def sftp_house(root: Path, *, commands: bool = False) -> Iterator[SftpHouse]:
    house = SftpHouse(root, commands=commands)
    try:
        yield house
    finally:
        house.close()
        shutil.rmtree(root, ignore_errors=True)
