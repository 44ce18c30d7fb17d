"""One moment of a server: the RDB it sends to a new replica, kept in scratch until it was read.

The server forks; writers do not wait. What the manifest says is asked of a scratch server that loaded this very file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from holdfast.contract.catalog import JSON
from holdfast.contract.snapshot import CaptureRequest, Entry, Manifest
from holdfast.contract.spec import Endpoint
from holdfast.contract.tools import Tools
from holdfast.engines.valkey import keys, scratch
from holdfast.engines.valkey.companions import companions
from holdfast.engines.valkey.taking import Taken, take
from holdfast.kernel.errors import Invalid, Permanent
from holdfast.kernel.stop import Stop


class FileStream:
    """Implements Stream over a file of the scratch directory."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)

    def readinto(self, buffer: memoryview) -> int:
        return self._file.readinto(buffer) or 0

    def close(self) -> None:
        self._file.close()


_MOST = 10_000  # numbered databases of a stranger's server that does not say how many it has


class ValkeyCapture:
    position: Mapping[str, JSON]

    def __init__(self, at: Endpoint, tools: Tools, want: CaptureRequest, stop: Stop) -> None:
        if want.select:
            raise Invalid("a Valkey snapshot is always whole", code="select_unsupported")
        self._at, self._tools, self._stop = at, tools, stop
        self._stack = ExitStack()
        self._place: Path | None = None
        self._taken: Taken | None = None

    def __enter__(self) -> ValkeyCapture:
        self._stop.check()
        try:
            self._place = self._stack.enter_context(scratch.directory(self._tools))
            self._taken = take(self._at, self._tools, self._place, self._stop)
            self.position = self._taken.position
            if self._taken.more:
                self._strip(self._place, self._taken.count or 0)
        except BaseException:
            self._stack.close()
            raise
        return self

    def _strip(self, place: Path, count: int) -> None:
        """What stands beside the living data (a kept database, see blocks.py) is no part of it."""
        with scratch.loaded(self._tools, place, self._stop) as link:
            for number in keys.databases(link):
                if number >= count:
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
        path, taken = self._file(), self._taken
        assert taken is not None  # noqa: S101 - there is a file
        name = self._at.database or "valkey"
        with scratch.loaded(self._tools, path.parent, self._stop) as link:
            link.count = taken.count
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
            options={
                "databases": taken.count,
                "expiring": expiring,
                **({} if taken.one_moment else {"one_moment": False, "reason": taken.reason}),
            },
        )

    def companions(self) -> Mapping[str, bytes]:
        known = self._taken.count if self._taken else None
        return companions(self._at.database or "valkey", known or _MOST)
