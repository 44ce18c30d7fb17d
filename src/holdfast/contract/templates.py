"""Ready statements for a chosen table: names are quoted by the engine, never by whoever fills them in."""

from __future__ import annotations

import re
from typing import Protocol, runtime_checkable

from holdfast.contract.rows import TableName

_SLOT = re.compile(r"'table_name'|'schema_name'|\btable_name\b")


@runtime_checkable
class CanQuote(Protocol):
    """Engines that can write a table's name, and text, into a statement."""

    def quoted(self, table: TableName) -> str:
        """The table as it reads in a statement, schema included. Raises Invalid for a name that cannot be one."""
        ...

    def literal(self, text: str) -> str:
        """Text as a constant, quotes included."""
        ...

    def default_schema(self) -> str: ...


def render(engine: CanQuote, statement: str, table: TableName) -> str:
    """`table_name` in a template becomes the table, `'table_name'` and `'schema_name'` become constants."""

    def put(found: re.Match[str]) -> str:
        if found[0] == "table_name":
            return engine.quoted(table)
        name = table.name if found[0] == "'table_name'" else table.schema or engine.default_schema()
        return engine.literal(name)

    return _SLOT.sub(put, statement)
