"""A file copied into a new file at one moment: its blocks shared where nobody has it open and the file system can do
that, else by SQLite's online backup, which reads it once and writes it once."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from holdfast.contract.snapshot import CaptureRequest, Manifest, Receipt
from holdfast.contract.spec import Endpoint
from holdfast.contract.tools import Tools
from holdfast.engines.sqlite.capture import SqliteCapture
from holdfast.engines.sqlite.connections import database, path_of, scalar
from holdfast.engines.sqlite.reflink import reflink
from holdfast.engines.sqlite.restore import remove
from holdfast.engines.sqlite.swap import drained, finish, sync_directory
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import Conflict
from holdfast.kernel.stop import Stop

_PAGES = 256


class Clones:
    """Implements CanClone."""

    def clone(
        self,
        source: Endpoint,
        target: Endpoint,
        tools: Tools,  # noqa: ARG002  a file needs none
        stop: Stop,
        told: Callable[[int], None],
    ) -> tuple[Receipt, Manifest] | None:
        path = path_of(target)
        beside = path.with_name(path.name + ".cloning")
        remove(beside)
        try:
            shared = source.hosted and reflink(path_of(source), beside)
            manifest = _looked_at(source, beside, stop) if shared else _copied(source, beside, stop, told)
            stop.check()
            with drained(path) as connection:
                if scalar(connection, "SELECT count(*) FROM main.sqlite_schema"):
                    raise Conflict("the target database is not empty", code="target_not_empty")
                os.replace(beside, path)
            sync_directory(path.parent)
            finish(path)
        finally:
            remove(beside)
        return Receipt(facts={"bytes": path.stat().st_size, "shared_blocks": shared}), manifest


def _copied(source: Endpoint, beside: Path, stop: Stop, told: Callable[[int], None]) -> Manifest:
    with SqliteCapture(source, None, CaptureRequest(), stop) as capture:
        with database(beside, "create", stop) as made, closing(capture.backup_into(made)) as backup:
            while not backup.done:
                stop.check()
                backup.step(_PAGES)
                told((backup.page_count - backup.remaining) * capture.page)
                crash_point("clone.half")
        return capture.finish()


def _looked_at(source: Endpoint, beside: Path, stop: Stop) -> Manifest:
    """What was shared is the source as of that moment, to the byte: the source itself may have gone on since."""
    crash_point("clone.half")
    with SqliteCapture(replace(source, path=beside), None, CaptureRequest(), stop) as capture:
        return capture.finish()
