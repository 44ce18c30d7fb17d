"""OpenSSH's own `sftp-server` behind a real SSH server on a real socket (asyncssh carries the bytes)."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
from ssh_listening import Desk, House

USER, PASSWORD = "vault", "p w'\"$(id)"
PROGRAM = Path("/usr/lib/openssh/sftp-server")


class _Desk(Desk):
    def session_requested(self) -> Any:
        return _Session(self._house)


class _Session(asyncssh.SSHServerSession[bytes]):
    """The subsystem `sftp` is OpenSSH's program. `echo` is answered where commands may be run; elsewhere every command
    is that program too, as with `ForceCommand internal-sftp`."""

    def __init__(self, house: Any) -> None:
        self._house: SftpHouse = house
        self._came: asyncio.Queue[bytes | None] = asyncio.Queue()

    def connection_made(self, chan: Any) -> None:
        self._chan = chan

    def subsystem_requested(self, subsystem: str) -> bool:
        self._work = asyncio.get_running_loop().create_task(self._serve())
        return subsystem == "sftp"

    def exec_requested(self, command: str) -> bool:
        loop = asyncio.get_running_loop()
        if self._house.commands:
            loop.call_soon(self._echo, command)
        else:
            self._work = loop.create_task(self._serve())
        return True

    def _echo(self, command: str) -> None:
        verb, _, words = command.partition(" ")
        if verb == "echo":
            self._chan.write(words.encode() + b"\n")
        self._chan.exit(0 if verb == "echo" else 127)

    def eof_received(self) -> bool:
        self._came.put_nowait(None)
        return True  # what it answers still goes out

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
        status = await ran.wait()
        await out
        with contextlib.suppress(OSError):  # they hung up
            self._chan.exit(status)

    async def _answer(self, out: asyncio.StreamReader) -> None:
        while data := await out.read(262_144):
            with contextlib.suppress(OSError):  # they hung up
                self._chan.write(data)


class SftpHouse(House):
    """`commands`: whether the login may run some too. `root`: a directory for repositories."""

    desk = _Desk

    def __init__(self, root: Path, *, commands: bool) -> None:
        if not PROGRAM.exists():
            raise FileNotFoundError(f"{PROGRAM}: apt-get install openssh-sftp-server")
        self.root, self.commands = root, commands
        super().__init__((USER, PASSWORD))


@contextlib.contextmanager
def sftp_house(root: Path, *, commands: bool = False) -> Iterator[SftpHouse]:
    house = SftpHouse(root, commands=commands)
    try:
        yield house
    finally:
        house.close()
        shutil.rmtree(root, ignore_errors=True)
