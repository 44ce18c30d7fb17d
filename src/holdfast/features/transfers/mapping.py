"""Which column of a file goes into which of a table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from holdfast.contract.bulk import BulkColumn, Conflicts, Load, NewColumn
from holdfast.features.transfers.reading import FileWish, Table
from holdfast.formats.guessing import Kind
from holdfast.kernel.errors import Invalid

_FOLDED = re.compile(r"[^a-z0-9]")
MOST_ERRORS = 100_000


@dataclass(frozen=True)
class ImportWish:
    """`columns` maps a file's column to a table's ("" leaves it out); others go by their name. `kinds` overrules what
    a new table's columns were guessed to be. `errors`: how many bad rows may be left out; 0 = all or nothing."""

    table: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    conflict: Conflicts = "fail"
    key: Sequence[str] = ()
    errors: int = 0
    file: FileWish = field(default_factory=FileWish)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> ImportWish:
        return cls(**{**given, "file": FileWish(**given["file"])})


@dataclass(frozen=True)
class Mapped:
    """`pairs` are (index in the file, name in the table), in the file's order. `left_out`: the file's other columns."""

    load: Load
    pairs: Sequence[tuple[int, str]]
    left_out: Sequence[str]
    unfilled: Sequence[str] = ()

    @property
    def straight(self) -> bool:
        """The file's rows are the table's, as they stand."""
        return [index for index, _ in self.pairs] == list(range(len(self.pairs))) and not self.left_out


def mapped(table: Table, wish: ImportWish, relation: tuple[str, str], there: Sequence[BulkColumn] | None) -> Mapped:
    """`there` None: the table is made. Raises Invalid (code "mapping_invalid") for names that are nowhere."""
    unknown = [name for name in (*wish.columns, *wish.kinds) if name not in table.names]
    if there is None:
        unknown = [name for name in wish.columns if name not in table.names]
    if unknown and not (there is not None and set(unknown) <= set(wish.kinds)):
        raise _invalid(f"the file has no column {unknown[0]!r}; it has {', '.join(table.names)[:300]}")
    targets = None if there is None else [column.name for column in there if not column.generated]
    pairs: list[tuple[int, str]] = []
    left_out: list[str] = []
    for index, name in enumerate(table.names):
        target = _target(name, wish.columns, targets)
        if target:
            pairs.append((index, target))
        else:
            left_out.append(name)
    names = [target for _, target in pairs]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise _invalid(f"two columns go into {twice!r}")
    if not pairs:
        raise _invalid("no column of the file is one of the table", "say which goes where: columns {file: table}")
    create: tuple[NewColumn, ...] = ()
    if there is None:
        create = tuple(
            NewColumn(target, wish.kinds.get(target) or wish.kinds.get(table.names[index]) or table.kinds[index])
            for index, target in pairs
        )
    load = Load(relation, tuple(names), create, wish.conflict, _key(wish, there), wish.file.date_order)
    needed = [c.name for c in there or () if not c.nullable and not c.filled and c.name not in names]
    return Mapped(load, pairs, left_out, needed)


def _target(name: str, chosen: Mapping[str, str], targets: Sequence[str] | None) -> str | None:
    if name in chosen:
        target = chosen[name]
        if target and targets is not None and target not in targets:
            raise _invalid(f"the table has no column {target!r} to import into; it has {', '.join(targets)[:300]}")
        return target or None
    if targets is None:
        return name
    taken = set(chosen.values())
    if name in targets and name not in taken:
        return name
    alike = [t for t in targets if _folded(t) == _folded(name) and _folded(name) and t not in taken]
    return alike[0] if len(alike) == 1 else None


def _folded(name: str) -> str:
    """`First Name` and first_name are the same to people."""
    return _FOLDED.sub("", name.lower())


def _key(wish: ImportWish, there: Sequence[BulkColumn] | None) -> tuple[str, ...]:
    if wish.key or wish.conflict == "fail":
        return tuple(wish.key)
    if there is None:
        raise _invalid("a new table has no key: nothing can conflict")
    return tuple(c.name for c in sorted(there, key=lambda c: c.primary_key) if c.primary_key)


def _invalid(message: str, hint: str | None = None) -> Invalid:
    return Invalid(message, code="mapping_invalid", hint=hint)
