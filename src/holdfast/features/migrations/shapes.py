"""A database's structure as plain values, and how two of them differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.contract.catalog import Catalog, Relation
from holdfast.contract.scripts import LEDGER


@dataclass(frozen=True)
class Difference:
    """`what`: "table", "column", "index", "foreign key", "definition", "schema", "extension";
    `change`: "added", "removed" or "changed" since the last migration."""

    what: str
    name: str
    change: str
    before: str | None = None
    now: str | None = None


def shape_of(catalog: Catalog, definitions: Mapping[str, str]) -> dict[str, Any]:
    """Columns, types, indexes, constraints and the definitions of other objects; no rows, no sizes, no ledger."""
    return {
        "schemas": dict.fromkeys(catalog.schemas, ""),
        "extensions": dict(catalog.extensions),
        "definitions": dict(definitions),
        "relations": {_name(each): _relation(each) for each in catalog.relations if each.name != LEDGER},
    }


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """In the order schemas, extensions, relations, definitions; each by name."""
    found = [*_flat("schema", "", before, now, "schemas"), *_flat("extension", "", before, now, "extensions")]
    old, new = before["relations"], now["relations"]
    for name in sorted({*old, *new}):
        if name not in new:
            found.append(Difference(old[name]["kind"], name, "removed"))
        elif name not in old:
            found.append(Difference(new[name]["kind"], name, "added"))
        else:
            found += _within(name, old[name], new[name])
    return [*found, *_flat("definition", "", before, now, "definitions")]


def _within(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    if (old["kind"], old["definition"]) != (new["kind"], new["definition"]):
        yield Difference("definition", name, "changed", old["definition"], new["definition"])
    for what, key in (("column", "columns"), ("index", "indexes"), ("foreign key", "foreign_keys")):
        yield from _flat(what, f"{name}.", old, new, key)


def _flat(what: str, prefix: str, old: Mapping[str, Any], new: Mapping[str, Any], key: str) -> Iterator[Difference]:
    for name in sorted({*old[key], *new[key]}):
        before, now = old[key].get(name), new[key].get(name)
        if before != now:
            change = "added" if before is None else "removed" if now is None else "changed"
            yield Difference(what, prefix + name, change, before or None, now or None)


def _relation(relation: Relation) -> dict[str, Any]:
    return {
        "kind": relation.kind,
        "definition": relation.definition,
        "columns": {
            column.name: " ".join(
                [
                    column.type or "any",
                    *([] if column.nullable else ["NOT NULL"]),
                    *([f"DEFAULT {column.default}"] if column.default is not None else []),
                    *([f"PRIMARY KEY {column.primary_key}"] if column.primary_key else []),
                    *(["GENERATED"] if column.generated else []),
                ]
            )
            for column in relation.columns
        },
        "indexes": {
            index.name: index.definition or f"{'UNIQUE ' if index.unique else ''}({', '.join(index.columns)})"
            for index in relation.indexes
        },
        "foreign_keys": {
            key.name or f"({', '.join(key.columns)})": (
                f"({', '.join(key.columns)}) -> {key.references} ({', '.join(key.referenced_columns)})"
            )
            for key in relation.foreign_keys
        },
    }


def _name(relation: Relation) -> str:
    return f"{relation.schema}.{relation.name}" if relation.schema else relation.name
