"""One moment of a server: the RDB it sends to a new replica, kept in scratch until it was read.

The server forks; writers do not wait. What the manifest says is asked of a scratch server that loaded this very file.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from holdfast.contract.catalog import JSON
from holdfast.contract.snapshot import CaptureRequest, Entry, Manifest
from holdfast.contract.spec import Endpoint
from holdfast.contract.tools import Tools
from holdfast.engines.valkey import keys, scratch
from holdfast.engines.valkey.companions import companions
from holdfast.engines.valkey.link import Link, connect
from holdfast.kernel.errors import Invalid, Permanent
from holdfast.kernel.stop import Stop

_QUIET_SECONDS = 120.0  # the server may have to end another child before it forks; it sends newlines meanwhile


class FileStream:
    """Implements Stream over a file of the scratch directory."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)

    def readinto(self, buffer: memoryview) -> int:
        return self._file.readinto(buffer) or 0

    def close(self) -> None:
        self._file.close()


class ValkeyCapture:
    position: Mapping[str, JSON]

    def __init__(self, at: Endpoint, tools: Tools, want: CaptureRequest, stop: Stop) -> None:
        if want.select:
            raise Invalid("a Valkey snapshot is always whole", code="select_unsupported")
        self._at, self._tools, self._stop = at, tools, stop
        self._stack = ExitStack()
        self._place: Path | None = None
        self._count = 0  # databases its users see

    def __enter__(self) -> ValkeyCapture:
        self._stop.check()
        try:
            self._place = self._stack.enter_context(scratch.directory(self._tools))
            with connect(self._at, seconds=_QUIET_SECONDS, stop=self._stop) as link:
                self._count = link.count or 0
                link.count = None
                more = max(keys.databases(link), default=0) >= self._count
                with (self._place / scratch.ENTRY).open("wb") as file:
                    self.position = replicate(link, file, self._stop)
            if more:
                self._strip(self._place)
        except BaseException:
            self._stack.close()
            raise
        return self

    def _strip(self, place: Path) -> None:
        """What stands beside the living data (a kept database, see blocks.py) is no part of it."""
        with scratch.loaded(self._tools, place, self._stop) as link:
            for number in keys.databases(link):
                if number >= self._count:
                    link.pipeline([("SELECT", number), ("FLUSHDB", "SYNC")])
            link.command("SAVE")

    def __exit__(self, *exc: object) -> None:
        self._place = None
        self._stack.close()

    def entries(self) -> Iterator[Entry]:
        yield Entry(scratch.ENTRY, lambda: FileStream(self._file()), size=self._file().stat().st_size)

    def _file(self) -> Path:
        self._stop.check()
        if self._place is None:
            raise Permanent("the capture has ended", code="capture_ended")
        return self._place / scratch.ENTRY

    def finish(self) -> Manifest:
        path = self._file()
        name = self._at.database or "valkey"
        with scratch.loaded(self._tools, path.parent, self._stop) as link:
            link.count = self._count
            found = keys.sums(link, self._stop)
            counts = {place: one.rows + one.volatile_rows for place, one in found.items()}
            catalog = keys.catalog(link, name, counts, exact=True)
        expiring: dict[str, JSON] = {
            f"{number}.{kind}": one.volatile() for (number, kind), one in found.items() if one.volatile_rows
        }
        return Manifest(
            engine="valkey",
            version=catalog.version,
            database=name,
            position=self.position,
            catalog=catalog,
            tables=keys.tables(found, scratch.ENTRY),
            entries={scratch.ENTRY: {"size": path.stat().st_size}},
            options={"databases": self._count, "expiring": expiring},
        )

    def companions(self) -> Mapping[str, bytes]:
        return companions(self._at.database or "valkey")


def replicate(link: Link, file: BinaryIO, stop: Stop) -> dict[str, JSON]:
    """Ask as a new replica, write the RDB to `file`, leave. The position (replication id and offset) of its moment.

    Protocol: replication.c of Valkey; `rdb-only` (since Redis 7) spares the server a buffer for the stream after it.
    Raises Permanent when the transfer ends early: never a short file.
    """
    # A replica that names no version is taken for an old one and gets no hashes whose fields expire: the transfer ends.
    link.pipeline([("REPLCONF", "version", keys.version(link))])  # refused by servers that do not ask
    for words in (("capa", "eof", "capa", "psync2"), ("rdb-only", "1")):
        link.command("REPLCONF", *words)
    link.send([("PSYNC", "?", "-1")])
    answer = _line(link)
    if not answer.startswith(b"+FULLRESYNC "):
        raise Permanent(f"the server gives no snapshot: {answer.decode(errors='replace')[:200]}", code="no_snapshot")
    identity, offset = answer.split()[1:3]
    head = _line(link)
    if head.startswith(b"$EOF:"):
        _until(link, head[5:], file, stop)
    elif head[:1] == b"$" and head[1:].isdigit():
        _exactly(link, int(head[1:]), file, stop)
    else:
        raise Permanent(f"the server gives no snapshot: {head.decode(errors='replace')[:200]}", code="no_snapshot")
    return {"replid": identity.decode(), "offset": int(offset)}


def _line(link: Link) -> bytes:
    """The next line that says something; single newlines mean "still here" and win time."""
    text = bytearray()
    while True:
        one = link.take(1)
        if one != b"\n":
            text += one
            continue
        if line := bytes(text).rstrip(b"\r"):
            return line
        text.clear()
        link.until += 1.0


def _until(link: Link, mark: bytes, file: BinaryIO, stop: Stop) -> None:
    """Everything before the 40 random bytes that were announced."""
    held = b""
    while not held.endswith(mark):
        stop.check()
        file.write(held[: -len(mark)])
        held = held[-len(mark) :] + link.some()
        link.until = max(link.until, _soon(link))
    file.write(held[: -len(mark)])


def _exactly(link: Link, count: int, file: BinaryIO, stop: Stop) -> None:
    while count:
        stop.check()
        part = link.take(min(count, 1 << 18))
        file.write(part)
        count -= len(part)
        link.until = max(link.until, _soon(link))


def _soon(link: Link) -> float:
    """Patience counts from the last byte: a big transfer may take as long as it likes."""
    return time.monotonic() + link.seconds
