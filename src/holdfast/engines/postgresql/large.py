"""Large objects, streamed."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.contract.tools import Tools
from holdfast.engines.postgresql import faults
from holdfast.engines.postgresql.link import Connection
from holdfast.kernel.errors import Permanent
from holdfast.kernel.stop import Stop


def has_objects(connection: Connection) -> bool:
    return connection.execute("SELECT 1 FROM pg_catalog.pg_largeobject_metadata LIMIT 1").fetchone() is not None


class LargeObjects:
    """Large objects with owners, grants and comments, as pg_dump's own archive, streamed."""

    def __init__(self, tools: Tools, env: Mapping[str, str], snapshot: str, stop: Stop) -> None:
        argv = ["pg_dump", "-Fc", "-Z0", "--section=data", "--large-objects", "--exclude-table-data=*.*"]
        argv += [f"--snapshot={snapshot}", "--lock-wait-timeout=5s", "--no-password", "--no-sync"]
        self._stop = stop
        self._child = tools.run(argv, env=env, stop=stop)
        self._ended = False

    def readinto(self, buffer: memoryview) -> int:
        if self._ended:
            return 0
        out = self._child.stdout
        if out is None:
            raise Permanent("the tools gave pg_dump no pipe", code="tool_failed")
        chunk = out.read(len(buffer))
        buffer[: len(chunk)] = chunk
        if not chunk:
            self._ended = True
            try:
                self._child.wait(60)
            except Permanent as error:
                self._stop.check()
                raise faults.from_tool(error, "reading the large objects") from error
        return len(chunk)

    def close(self) -> None:
        self._child.__exit__(None, None, None)
