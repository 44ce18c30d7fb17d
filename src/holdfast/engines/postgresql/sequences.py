"""Sequences' positions. They do not obey transactions: each is read at or after the moment, never before it.

A sequence that ran on during the capture is therefore restored at a later number, which is harmless; the reverse
would hand out keys twice.
"""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.engines.postgresql import link
from holdfast.engines.postgresql.link import Connection
from holdfast.engines.postgresql.names import literal, qualified

BATCH = 200

_LIST = """
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass
                  AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, 2
"""


@dataclass(frozen=True)
class SequenceState:
    schema: str
    name: str
    last: int
    called: bool


def read(connection: Connection) -> list[SequenceState]:
    names = [(str(schema), str(name)) for schema, name in connection.execute(_LIST).fetchall()]
    found: list[SequenceState] = []
    for first in range(0, len(names), BATCH):
        part = names[first : first + BATCH]
        union = " UNION ALL ".join(
            f"SELECT {index}, last_value, is_called FROM {qualified(*name)}" for index, name in enumerate(part)
        )
        rows = connection.execute(link.statement(union)).fetchall()
        found += [SequenceState(*part[index], int(last), bool(called)) for index, last, called in rows]
    return found


def statements(states: list[SequenceState]) -> list[str]:
    return [
        f"SELECT pg_catalog.setval({literal(qualified(state.schema, state.name))}, "
        f"{state.last}, {'true' if state.called else 'false'})"
        for state in states
    ]


def as_sql(states: list[SequenceState]) -> bytes:
    """A psql script: what `restore.sh` runs."""
    return "".join(statement + ";\n" for statement in statements(states)).encode()
