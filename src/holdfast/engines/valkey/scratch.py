"""A server of our own for one RDB file: what it holds at exactly that moment, asked of the engine itself."""

from __future__ import annotations

import os
import select
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from holdfast.contract.snapshot import Source
from holdfast.contract.tools import Child, Tools
from holdfast.engines.valkey import blocks
from holdfast.engines.valkey.link import Link, Refused, unix
from holdfast.engines.valkey.spec import MOST_DATABASES
from holdfast.kernel.errors import Corrupt, Permanent
from holdfast.kernel.stop import Stop

ENTRY = "dump.rdb"
_SOCKET = "s"
_START_SECONDS = 600.0  # loading is about 100 MB/s
_SETTINGS = {
    "dbfilename": ENTRY, "port": "0", "save": "", "appendonly": "no", "daemonize": "no", "loglevel": "warning",
    "databases": str(blocks.total(MOST_DATABASES)), "rdbcompression": "no", "enable-debug-command": "yes",
    "maxmemory": "0", "unixsocketperm": "700",
}  # fmt: skip


@contextmanager
def directory(tools: Tools) -> Iterator[Path]:
    """A private place the tools' user can read, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="rdb-", dir=tools.scratch) as text:
        place = Path(text)
        give(place, tools)
        yield place


def give(path: Path, tools: Tools) -> None:
    """To the user the tools run as."""
    if os.geteuid() == 0:
        owner = tools.scratch.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def pull(source: Source, path: Path, stop: Stop, pulled: list[int] | None = None) -> int:
    """The entry as a file; its length. Whole or an error."""
    buffer, total = memoryview(bytearray(1 << 20)), 0
    stream = source.open(ENTRY)
    try:
        with path.open("wb") as file:
            while count := stream.readinto(buffer):
                stop.check()
                file.write(buffer[:count])
                total += count
    finally:
        stream.close()
    if pulled is not None:
        pulled.append(total)
    return total


@contextmanager
def loaded(tools: Tools, place: Path, stop: Stop) -> Iterator[Link]:
    """A line to a server that has loaded `place`/dump.rdb, or holds nothing where there is none. Raises Corrupt with
    the server's words, Cancelled."""
    if (place / ENTRY).exists():
        give(place / ENTRY, tools)
    argv = ["--dir", str(place), "--unixsocket", _SOCKET]  # relative: --dir has changed the directory
    for key, value in _SETTINGS.items():
        argv += [f"--{key}", value]
    with _started(tools, argv, stop) as child:
        _wait(child, place / _SOCKET, stop)
        try:
            with unix(place / _SOCKET) as sock:
                link = Link(sock, 600.0)
                link.command("HELLO", 3)
                yield link
        except (OSError, Refused) as error:
            stop.check()
            raise Permanent(f"the scratch server failed: {error}", code="scratch_failed") from error


def _started(tools: Tools, arguments: list[str], stop: Stop) -> Child:
    """The software the tools are of: Redis where the resource runs on it, because its keys go back into one."""
    try:
        return tools.run(["redis-server", *arguments], env={"LC_ALL": "C"}, stop=stop)
    except Permanent as error:
        if error.code != "tool_missing":
            raise
    return tools.run(["valkey-server", *arguments], env={"LC_ALL": "C"}, stop=stop)


def _wait(child: Child, path: Path, stop: Stop) -> None:
    until = time.monotonic() + _START_SECONDS
    said = b""
    assert child.stdout is not None  # noqa: S101 - asked for above
    while time.monotonic() < until:
        stop.check()
        if select.select([child.stdout], [], [], 0.02)[0]:
            part = os.read(child.stdout.fileno(), 65536)
            said = (said + part)[-4000:]
            if not part:
                stop.check()
                raise Corrupt(f"the server cannot load this RDB: {said.decode(errors='replace')[-600:].strip()}")
        if _answers(path):
            return
    raise Permanent("the scratch server did not get ready", code="scratch_failed")


def _answers(path: Path) -> bool:
    try:
        with unix(path) as sock:
            return bool(Link(sock, 5.0).command("PING") == "PONG")
    except (OSError, Refused):
        return False
