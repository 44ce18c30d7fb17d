"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

from holdfast.kernel.clock import parse_timestamp, timestamp


class Timestamp(TypeDecorator[datetime]):
    """An aware moment. SQLite: RFC 3339 text in UTC, microseconds, sorts as it should; PostgreSQL: timestamptz.

    A naive datetime is refused with ValueError: it would be read as the server's local time.
    """

    impl = sa.String(27)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.TIMESTAMP(timezone=True))
        return dialect.type_descriptor(sa.String(27))

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone cannot be stored")
        return value if dialect.name == "postgresql" else timestamp(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy calls it so
        if value is None or isinstance(value, datetime):
            return value
        return parse_timestamp(value)


class Json(TypeDecorator[Any]):
    """A dict or list. None is NULL, never the JSON word null. SQLite: text; PostgreSQL: jsonb."""

    impl = sa.JSON
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(none_as_null=True)

    def load_dialect_impl(self, dialect: sa.Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(JSONB(none_as_null=True))
        return dialect.type_descriptor(sa.JSON(none_as_null=True))


def embedded(conn: sa.Connection) -> bool:
    """Whether the metadata is the file on this machine: one writer at a time, moments and JSON kept as text."""
    return conn.dialect.name == "sqlite"


def json_elements(conn: sa.Connection, column: sa.ColumnElement[Any]) -> sa.TableValuedAlias:
    """The elements of a JSON list as rows with one column `value`, in either database."""
    each = sa.func.json_each if embedded(conn) else sa.func.jsonb_array_elements_text
    return each(column).table_valued("value")


def json_field(conn: sa.Connection, value: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[Any]:
    """One field, as text or NULL, of an object that is an element of a JSON list (`json_elements`)."""
    if embedded(conn):
        return sa.func.json_extract(value, f"$.{name}", type_=sa.Text())
    found: sa.ColumnElement[Any] = sa.cast(value, JSONB)[name].astext
    return found
