"""One small file per SQL dialect (an engine's `capabilities.dialect`): the shop's DDL and how values are bound."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Protocol, cast

from holdfast.commands.demo.shop import Table


class Dialect(Protocol):
    """What a dialect's module holds."""

    DDL: tuple[str, ...]  # one statement each, before loading
    AFTER_LOAD: tuple[str, ...]  # indexes, views, the trigger

    def text(self, position: int) -> str:
        """SQL for the parameter at this 1-based position as text."""
        ...

    def insert(self, table: Table) -> str:
        """An INSERT of any number of rows: its one parameter is a JSON array of rows, bytes in them as hexadecimal."""
        ...

    def content(self, table: Table) -> str:
        """A SELECT of one text column that together says everything in the table, in an order rows always have."""
        ...


def dialect_for(name: str | None) -> Dialect | None:
    """The dialect's module, or None when the demo does not speak it."""
    if not name or not name.isidentifier() or find_spec(f"{__name__}.{name}") is None:
        return None
    return cast(Dialect, import_module(f"{__name__}.{name}"))
