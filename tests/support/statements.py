"""What the metadata database is asked while a test looks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread, current_thread
from typing import Any

import sqlalchemy as sa

from holdfast.kernel.db import Database


@dataclass(frozen=True, slots=True)
class Statement:
    text: str
    parameters: Any
    thread: Thread


@contextmanager
def statements(db: Database) -> Iterator[list[Statement]]:
    """Every statement of any thread on `db`, without the BEGINs; the list grows while the block runs.

    Other databases are left out: a thread that an earlier test of this process left behind may ask its own.
    """
    own = (db.engine.pool, db._readers.pool)
    said: list[Statement] = []

    def heard(conn: Any, _cursor: Any, text: str, parameters: Any, *_: Any) -> None:
        if conn.engine.pool in own and not text.startswith("BEGIN"):
            said.append(Statement(text, parameters, current_thread()))

    sa.event.listen(sa.Engine, "before_cursor_execute", heard)
    try:
        yield said
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", heard)
