"""pg_dump and pg_restore over the tools port."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from holdfast.contract.snapshot import Stream
from holdfast.contract.spec import Endpoint
from holdfast.contract.tools import Tools
from holdfast.engines.postgresql import faults, link
from holdfast.engines.postgresql.names import conninfo_value
from holdfast.engines.postgresql.streams import BytesStream
from holdfast.formats import pg_archive
from holdfast.kernel.errors import Permanent
from holdfast.kernel.stop import Stop

CHUNK = 1024 * 1024
DUMP = ("pg_dump", "-Fc", "-Z0", "--lock-wait-timeout=5s", "--no-password", "--no-sync", "--no-subscriptions")
SCHEMA = ("--section=pre-data", "--section=post-data")
# Row security stays on: a materialized view is refreshed as its owner, who may be under FORCE ROW LEVEL SECURITY,
# and would otherwise fail the whole restore. No table's rows come this way.
RESTORE = (
    "pg_restore", "--exit-on-error", "--no-password", "--no-tablespaces", "--no-subscriptions", "--enable-row-security",
)  # fmt: skip


def halves(content: bytes) -> tuple[bytes, bytes]:
    """A schema archive as the two that a restore works with: before the rows, after the rows."""
    try:
        before, after = pg_archive.split(pg_archive.parse(content))
    except pg_archive.NotAnArchive as error:
        raise Permanent(f"pg_dump wrote what cannot be read: {error}", code="tool_failed") from error
    return pg_archive.written(before), pg_archive.written(after)


class Archives:
    """Writes archives into one database. Everything it starts carries `label`, so it can be ended by it."""

    def __init__(self, at: Endpoint, tools: Tools, label: str, stop: Stop, flags: Sequence[str] = ()) -> None:
        self._at, self._tools, self._stop, self._label = at, tools, stop, label
        self._restore = (*RESTORE, *flags)
        self._env = link.tool_env(at, label)

    def dump(self, arguments: Sequence[str]) -> tuple[bytes, bytes]:
        """The schema in memory: see `halves`."""
        try:
            return halves(self._tools.output([*DUMP, *SCHEMA, *arguments], env=self._env, timeout=600, stop=self._stop))
        except Permanent as error:
            self._stop.check()
            raise faults.from_tool(error, "dumping the schema") from error

    def restore(self, content: bytes) -> None:
        self.stream(BytesStream(content))

    def stream(self, stream: Stream) -> None:
        """One session, in the archive's own order, straight from the source."""
        try:
            with self._tools.run(
                [*self._restore, "-d", self._target()], env=self._env, stdin=True, stdout=False, stop=self._stop
            ) as child:
                with contextlib.suppress(BrokenPipeError):  # it ended early: wait() says why
                    _pump(stream, child.stdin)
                child.wait(None)
        except Permanent as error:
            raise self._failed(error) from error
        finally:
            stream.close()

    def restore_parallel(self, before: bytes, after: bytes, jobs: int) -> None:
        """The half after the rows in several sessions: indexes and constraints are most of a restore's time. Needs a
        file to seek in, and the half before in it: by its tables pg_restore sees what must not be altered twice at
        once."""
        whole = pg_archive.joined(pg_archive.parse(before), pg_archive.parse(after))
        path = Path(self._tools.scratch) / "post-data.dump"
        path.write_bytes(pg_archive.written(whole))
        path.chmod(0o644)  # the tools run as the resource's user; there are no rows in it
        argv = [*self._restore, "--section=post-data", "-j", str(jobs), "-d", self._target(), str(path)]
        try:
            with self._tools.run(argv, env=self._env, stdout=False, stop=self._stop) as child:
                child.wait(None)
        except Permanent as error:
            raise self._failed(error) from error
        finally:
            path.unlink(missing_ok=True)

    def _target(self) -> str:
        return f"dbname={conninfo_value(self._at.database or '')}"

    def _failed(self, error: Permanent) -> Exception:
        self._stop.check()
        return faults.from_tool(error, "restoring the schema")


def _pump(stream: Stream, pipe: object) -> None:
    if pipe is None or not hasattr(pipe, "write"):
        raise Permanent("the tools gave pg_restore no pipe", code="tool_failed")
    buffer = memoryview(bytearray(CHUNK))
    while count := stream.readinto(buffer):
        pipe.write(buffer[:count])
    pipe.close()  # type: ignore[attr-defined]
