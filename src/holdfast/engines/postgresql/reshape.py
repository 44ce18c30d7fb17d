"""Which part of a snapshot comes back, and under which names.

Choosing and renaming are done by the server itself: the schema is built without rows in a database of its own,
cut and renamed there, and dumped again. Text surgery on DDL would one day be wrong.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.contract.catalog import JSON
from holdfast.contract.snapshot import Manifest, RestoreRequest
from holdfast.contract.spec import Endpoint
from holdfast.contract.tools import Tools
from holdfast.engines.postgresql import link, prepare
from holdfast.engines.postgresql.archive import Archives
from holdfast.engines.postgresql.link import Connection
from holdfast.engines.postgresql.load import Part
from holdfast.engines.postgresql.names import NAME_BYTES, beside_name, elsewhere, identifier, maintenance, qualified
from holdfast.engines.postgresql.sequences import SequenceState
from holdfast.engines.postgresql.tables import matches
from holdfast.kernel.errors import Invalid
from holdfast.kernel.stop import Stop

Name = tuple[str, str]


@dataclass(frozen=True)
class Shape:
    """What a restore brings: archives, rows, sequences. `relations` are the tables it will make."""

    pre: bytes
    post: bytes
    parts: tuple[Part, ...]
    sequences: tuple[SequenceState, ...]
    relations: tuple[Name, ...]
    schemas: tuple[str, ...]
    extensions: Mapping[str, str]
    large_objects: bool
    notes: tuple[str, ...] = ()


def whole(manifest: Manifest, pre: bytes, post: bytes) -> Shape:
    """Everything, as it was."""
    return Shape(
        pre=pre,
        post=post,
        parts=tuple(_parts(manifest)),
        sequences=tuple(_sequences(manifest)),
        relations=tuple((fact.schema, fact.name) for fact in manifest.tables),
        schemas=tuple(manifest.catalog.schemas),
        extensions=manifest.catalog.extensions,
        large_objects=True,
    )


def _parts(manifest: Manifest) -> list[Part]:
    found = []
    for path, facts in manifest.entries.items():
        if not path.startswith("data/"):
            continue
        columns = facts.get("columns")
        found.append(
            Part(
                path=path,
                schema=str(facts["load_schema"]),
                table=str(facts["load_table"]),
                columns=tuple(str(name) for name in columns) if isinstance(columns, list | tuple) else (),
            )
        )
    return found


def _sequences(manifest: Manifest) -> list[SequenceState]:
    states: JSON = manifest.options.get("sequences")
    if not isinstance(states, list | tuple):
        return []
    rows: list[Any] = [row for row in states if isinstance(row, list | tuple)]
    return [SequenceState(str(row[0]), str(row[1]), int(row[2]), bool(row[3])) for row in rows]


def reshape(
    at: Endpoint,
    tools: Tools,
    manifest: Manifest,
    pre: bytes,
    post: bytes,
    want: RestoreRequest,
    stop: Stop,
    flags: Sequence[str] = (),
) -> Shape:
    """See the module. The workshop database is always removed."""
    workshop = elsewhere(at, beside_name(at.database or "", f"shape_{secrets.token_hex(4)}"))
    label = link.new_label("reshape")
    with link.connect(maintenance(at)) as admin:
        try:
            prepare.create_database(admin, at, workshop.database or "")
            archives = Archives(workshop, tools, label, stop, flags)
            archives.restore(pre)
            archives.restore(post)
            with link.connect(workshop) as inside:
                cut = Cut(inside, manifest, want)
                cut.apply()
                parts, states = cut.parts(), cut.sequences()
            chosen = [f"--table={qualified(*name)}" for name in cut.relations] if want.into == "existing" else []
            stop.check()
            before, after = archives.dump(chosen)
            return Shape(
                pre=before,
                post=after,
                parts=parts,
                sequences=states,
                relations=cut.relations,
                schemas=tuple(manifest.catalog.schemas),
                extensions=manifest.catalog.extensions,
                large_objects=False,
                notes=cut.notes,
            )
        finally:
            link.end_sessions(at, label)
            prepare.drop_database(admin, workshop.database or "")


_FAMILY = """
WITH RECURSIVE down AS (
    SELECT unnest(%(chosen)s::oid[]) AS oid
    UNION SELECT i.inhrelid FROM down JOIN pg_catalog.pg_inherits i ON i.inhparent = down.oid
), up AS (
    SELECT oid FROM down UNION SELECT i.inhparent FROM up JOIN pg_catalog.pg_inherits i ON i.inhrelid = up.oid
)
SELECT oid::bigint, EXISTS (SELECT 1 FROM down WHERE down.oid = up.oid) FROM up
"""

_TABLES = """
SELECT c.oid::bigint, n.nspname, c.relname FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass
                  AND d.objid = c.oid AND d.deptype = 'e')
"""

_SEQUENCES = """
SELECT c.oid::bigint, n.nspname, c.relname FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'S'
"""

# What carries a name of its own in the table's schema and would clash with the original's.
_ATTACHED = """
SELECT x.oid::bigint, x.relname, x.relkind::text FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = %(oid)s
UNION ALL
SELECT s.oid::bigint, s.relname, s.relkind::text FROM pg_catalog.pg_depend d
JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
  AND d.refobjid = %(oid)s AND d.deptype IN ('a', 'i')
"""


class Cut:
    """Keeps the chosen tables with their families, drops the others, renames; then says what is where."""

    def __init__(self, inside: Connection, manifest: Manifest, want: RestoreRequest) -> None:
        self._inside, self._manifest, self._want = inside, manifest, want
        self._before = self._named(_TABLES)
        self._sequences_before = self._named(_SEQUENCES)
        self._filled: set[int] = set()
        self._after: dict[int, Name] = {}
        self._sequences_after: dict[int, Name] = {}
        self.relations: tuple[Name, ...] = ()
        self.notes: tuple[str, ...] = ()

    def _named(self, statement: str) -> dict[int, Name]:
        rows = self._inside.execute(link.statement(statement)).fetchall()
        return {int(oid): (str(schema), str(name)) for oid, schema, name in rows}

    def apply(self) -> None:
        kept = self._kept()
        dropped = [name for oid, name in self._before.items() if oid not in kept]
        keys = self._foreign_keys()
        for name in dropped:
            prepare.run(self._inside, f"DROP TABLE IF EXISTS {qualified(*name)} CASCADE")
        lost = sorted(keys - self._foreign_keys() - {f"{schema}.{name}" for schema, name in dropped})
        if lost:
            self.notes = (f"foreign keys to tables left out were dropped: {', '.join(lost)}",)
        self._rename()
        self._after, self._sequences_after = self._named(_TABLES), self._named(_SEQUENCES)
        self.relations = tuple(self._after.values())

    def _kept(self) -> set[int]:
        chosen = [oid for oid, name in self._before.items() if matches(*name, self._want.select)]
        if not chosen:
            raise Invalid(
                "no table of the snapshot matches the selection",
                code="select_empty",
                details={"select": list(self._want.select)},
            )
        family = self._inside.execute(_FAMILY, {"chosen": chosen}).fetchall()
        self._filled = {int(oid) for oid, below in family if below}
        return {int(oid) for oid, _ in family}

    def _foreign_keys(self) -> set[str]:
        rows = self._inside.execute(
            "SELECT n.nspname || '.' || c.relname || '.' || o.conname FROM pg_catalog.pg_constraint o "
            "JOIN pg_catalog.pg_class c ON c.oid = o.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
            "WHERE o.contype = 'f' AND o.conparentid = 0"
        ).fetchall()
        return {str(row[0]) for row in rows}

    def _rename(self) -> None:
        by_label = {f"{schema}.{name}": (oid, schema, name) for oid, (schema, name) in self._before.items()}
        for label, fresh in self._want.rename.items():
            if label not in by_label:
                raise Invalid(f"the snapshot has no table {label}", code="rename_unknown", details={"table": label})
            if not 0 < len(fresh.encode()) <= NAME_BYTES:
                raise Invalid(f"a table name takes 1 to {NAME_BYTES} bytes", code="name_invalid")
            oid, schema, name = by_label[label]
            for _, attached, kind in self._inside.execute(_ATTACHED, {"oid": oid}).fetchall():
                verb = "SEQUENCE" if kind == "S" else "INDEX"
                changed = _follow(attached, name, fresh)
                prepare.run(self._inside, f"ALTER {verb} {qualified(schema, attached)} RENAME TO {identifier(changed)}")
            prepare.run(self._inside, f"ALTER TABLE {qualified(schema, name)} RENAME TO {identifier(fresh)}")

    def parts(self) -> tuple[Part, ...]:
        """Rows of the chosen tables and everything below them, under the new names."""
        by_name = {name: oid for oid, name in self._before.items()}
        chosen = []
        for part, facts in zip(_parts(self._manifest), self._data_facts(), strict=True):
            oid = by_name.get((str(facts["schema"]), str(facts["table"])))
            goal = by_name.get((part.schema, part.table))
            if oid in self._filled and goal in self._after:
                schema, table = self._after[goal]
                chosen.append(Part(part.path, schema, table, part.columns))
        return tuple(chosen)

    def _data_facts(self) -> Sequence[Mapping[str, JSON]]:
        return [facts for path, facts in self._manifest.entries.items() if path.startswith("data/")]

    def sequences(self) -> tuple[SequenceState, ...]:
        by_name = {name: oid for oid, name in self._sequences_before.items()}
        kept = self._chosen_sequences()
        found = []
        for state in _sequences(self._manifest):
            oid = by_name.get((state.schema, state.name))
            if oid is not None and oid in kept:
                found.append(SequenceState(*self._sequences_after[oid], state.last, state.called))
        return tuple(found)

    def _chosen_sequences(self) -> set[int]:
        """Into a live database go only sequences that belong to a chosen table."""
        if self._want.into == "empty":
            return set(self._sequences_after)
        owned: set[int] = set()
        for oid in self._after:
            rows = self._inside.execute(_ATTACHED, {"oid": oid}).fetchall()
            owned |= {int(row[0]) for row in rows if row[2] == "S"}
        return owned & set(self._sequences_after)


def _follow(attached: str, old: str, new: str) -> str:
    """`items_pkey` becomes `new_pkey`; other names get the new one in front. At most 63 bytes."""
    name = new + attached[len(old) :] if attached.startswith(old) else f"{new}_{attached}"
    if len(name.encode()) <= NAME_BYTES:
        return name
    return name.encode()[: NAME_BYTES - 9].decode(errors="ignore") + "_" + secrets.token_hex(4)
