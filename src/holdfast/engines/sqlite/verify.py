"""Comparing a file with what its manifest says, and whether a snapshot is readable at all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import apsw

from holdfast.contract.catalog import JSON, Catalog, Relation
from holdfast.contract.snapshot import Check, Level, Manifest, Source, TableFacts, Verdict
from holdfast.engines.sqlite.connections import database, quote, scalar
from holdfast.engines.sqlite.digest import METHODS, matching, table_digests
from holdfast.engines.sqlite.look import look
from holdfast.engines.sqlite.pull import pull
from holdfast.engines.sqlite.spec import ENTRY, MAGIC
from holdfast.kernel.errors import Corrupt, NotFound, Permanent
from holdfast.kernel.stop import Stop


def verify_database(path: Path, expected: Manifest, depth: Level, stop: Stop) -> Verdict:
    """`Session.verify` for one file; everything is read in one transaction."""
    checks: list[Check] = []
    try:
        with database(path, "read", stop) as connection:
            connection.execute("BEGIN")
            if depth >= Level.READABLE:
                checks += _integrity(connection, expected.options.get("foreign_key_violations"))
            if depth >= Level.RESTORED:
                catalog = look(connection, expected.database, "full")
                checks += _catalog(expected.catalog, catalog)
                checks.append(_same("triggers", expected.options.get("triggers", {}), trigger_definitions(connection)))
                checks += _rows(connection, expected, catalog, stop)
    except Corrupt as error:
        checks.append(Check("integrity", False, "ok", error.message))
    return Verdict(depth, tuple(checks))


def _integrity(connection: apsw.Connection, violations: JSON) -> Iterator[Check]:
    found = [row[0] for row in connection.execute("PRAGMA main.integrity_check(10)").fetchall()]
    yield Check("integrity", found == ["ok"], "ok", "; ".join(map(str, found))[:1000])
    actual = foreign_key_violations(connection)
    if violations is None or actual is None:
        detail = "not counted at capture" if violations is None else "a foreign key refers to nothing comparable"
        yield Check("foreign keys", None, actual=str(actual), detail=detail)
    else:
        yield _same("foreign keys", violations, actual)


def foreign_key_violations(connection: apsw.Connection) -> int | None:
    """How many rows refer to nothing; None when SQLite cannot say (a parent table or key is missing)."""
    try:
        return sum(1 for _ in connection.execute("PRAGMA main.foreign_key_check"))
    except apsw.SQLError:
        return None


def trigger_definitions(connection: apsw.Connection) -> dict[str, JSON]:
    """Name -> SQL of every trigger."""
    rows = connection.execute("SELECT name, sql FROM main.sqlite_schema WHERE type = 'trigger' ORDER BY name")
    return {str(name): str(sql) for name, sql in rows}


def _catalog(expected: Catalog, actual: Catalog) -> Iterator[Check]:
    wanted, found = ({r.name: r for r in c.relations} for c in (expected, actual))
    yield _same("relations", sorted(wanted), sorted(found))
    for name in sorted(wanted.keys() & found.keys()):
        one, other = _shape(wanted[name]), _shape(found[name])
        if one != other:
            yield Check(f"definition of {name}", False, str(one)[:2000], str(other)[:2000])


def _shape(relation: Relation) -> tuple[object, ...]:
    return (
        relation.kind,
        relation.definition,
        tuple(relation.columns),
        sorted((i.name, tuple(i.columns), i.unique, i.definition or "") for i in relation.indexes),
        sorted((tuple(k.columns), k.references, tuple(k.referenced_columns)) for k in relation.foreign_keys),
    )


def _rows(connection: apsw.Connection, expected: Manifest, actual: Catalog, stop: Stop) -> Iterator[Check]:
    tables = {r.name: r for r in matching(actual, ())}
    for facts in expected.tables:
        relation = tables.get(facts.name)
        if relation is None:
            yield Check(f"rows of {facts.name}", False, str(facts.rows), "the table is missing")
        elif facts.digest is None or facts.method not in METHODS:
            yield _same(f"rows of {facts.name}", facts.rows, relation.rows)
            yield Check(f"content of {facts.name}", None, detail=f"no comparable digest: {facts.method}")
        else:
            yield from _content(connection, facts, relation, stop)


def _content(connection: apsw.Connection, facts: TableFacts, relation: Relation, stop: Stop) -> Iterator[Check]:
    methods = {f"{relation.schema}.{relation.name}": str(facts.method)}
    found = next(table_digests(connection, [relation], stop, methods), None)
    yield _same(f"rows of {facts.name}", facts.rows, found.rows if found else None)
    yield _same(f"content of {facts.name}", facts.digest, found.digest if found else None)


def _same(name: str, expected: object, actual: object) -> Check:
    return Check(name, expected == actual, str(expected)[:2000], str(actual)[:2000])


def readable(source: Source, scratch: Path, stop: Stop) -> Verdict:
    """L2: the header, the length and a full integrity check of a scratch copy, which is gone afterwards."""
    checks: list[Check] = []
    try:
        size = source.size(ENTRY)
        checks += _header(source, size)
        with tempfile.TemporaryDirectory(dir=scratch) as directory:
            copy = Path(directory) / "copy"
            pull(source, copy, 1, None, stop)
            with database(copy, "write", stop) as connection:
                found = [row[0] for row in connection.execute("PRAGMA main.integrity_check(10)").fetchall()]
                checks.append(Check("integrity", found == ["ok"], "ok", "; ".join(map(str, found))[:1000]))
                for facts in source.manifest.tables:
                    scalar(connection, f"SELECT count(*) FROM (SELECT 1 FROM main.{quote(facts.name)} LIMIT 1)")
    except (Corrupt, NotFound, Permanent) as error:
        stop.check()
        checks.append(Check("readable", False, detail=error.message))
    return Verdict(Level.READABLE, tuple(checks))


def _header(source: Source, size: int) -> Iterator[Check]:
    head = bytearray(100)
    stream = source.open(ENTRY)
    try:
        filled = 0
        while filled < len(head) and (count := stream.readinto(memoryview(head)[filled:])):
            filled += count
    finally:
        stream.close()
    yield Check("header", bytes(head[:16]) == MAGIC, "SQLite format 3", repr(bytes(head[:16])))
    page = int.from_bytes(head[16:18], "big")
    page = 65536 if page == 1 else page
    pages = int.from_bytes(head[28:32], "big")
    yield _same("length", pages * page, size)
