"""What the metadata database is asked while a test looks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread, current_thread
from typing import Any

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class Statement:
    text: str
    parameters: Any
    thread: Thread


@contextmanager
def statements() -> Iterator[list[Statement]]:
    """Every statement of any thread of this process, without the BEGINs; the list grows while the block runs."""
    said: list[Statement] = []

    def heard(_conn: Any, _cursor: Any, text: str, parameters: Any, *_: Any) -> None:
        if not text.startswith("BEGIN"):
            said.append(Statement(text, parameters, current_thread()))

    sa.event.listen(sa.Engine, "before_cursor_execute", heard)
    try:
        yield said
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", heard)
