"""The day of a moment, as text that both databases write alike."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction


class utc_day(GenericFunction[str]):  # noqa: N801 - named as what it stands for in a statement
    """`2026-03-01` of a `Timestamp` column, in UTC; NULL of NULL."""

    type = sa.String()
    inherit_cache = True


@compiles(utc_day)
def _of_text(element: Any, compiler: Any, **more: Any) -> str:
    return f"substr({compiler.process(element.clauses, **more)}, 1, 10)"


@compiles(utc_day, "postgresql")
def _of_timestamptz(element: Any, compiler: Any, **more: Any) -> str:
    return f"to_char(timezone('UTC', {compiler.process(element.clauses, **more)}), 'YYYY-MM-DD')"
