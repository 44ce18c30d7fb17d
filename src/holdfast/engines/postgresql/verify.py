"""L3: a restored database against the manifest of the snapshot it came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import psycopg

from holdfast.contract.catalog import JSON, Catalog, Relation
from holdfast.contract.snapshot import Check, Level, Manifest, Verdict
from holdfast.contract.spec import Endpoint
from holdfast.engines.postgresql import digest, faults, inspect, link, sequences
from holdfast.engines.postgresql.inspect import unproven
from holdfast.engines.postgresql.link import Connection
from holdfast.engines.postgresql.tables import list_tables
from holdfast.kernel.stop import Stop

Name = tuple[str, str]


def verify_restored(at: Endpoint, expected: Manifest, depth: Level, stop: Stop) -> Verdict:
    """Catalog, counts and digests in one snapshot of the database. Raises only when it could not look."""
    with link.connect(at) as connection:
        stop.on_stop(connection.cancel)
        try:
            with connection.transaction():
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                checks = list(_checks(connection, expected, stop, hosted=at.hosted))
        except psycopg.Error as error:
            stop.check()
            raise faults.from_psycopg(error, "verifying") from error
    return Verdict(depth, tuple(checks))


def _checks(connection: Connection, expected: Manifest, stop: Stop, *, hosted: bool) -> Iterator[Check]:
    actual = inspect.catalog(connection, exact=False)
    partial = bool(expected.options.get("select"))
    same_major = actual.version.split(".")[0] == expected.version.split(".")[0]
    home = hosted and expected.options.get("hosted") is not False
    yield from _catalog(expected.catalog, actual, same_major=same_major, home=home)
    yield from _tables(connection, expected, partial, stop)
    yield from _unproven(expected.options.get("unproven"), unproven(connection))
    yield _sequences(expected.options.get("sequences"), connection)


def _catalog(expected: Catalog, actual: Catalog, *, same_major: bool, home: bool) -> Iterator[Check]:
    """`home`: from a server of ours to one of ours. Otherwise grants follow the place they came to."""
    yield _equal("schemas", sorted(expected.schemas), sorted(actual.schemas))
    yield _equal("extensions", sorted(expected.extensions), sorted(actual.extensions))
    for kind in sorted({*expected.objects, *actual.objects} - (set() if home else {"default privilege"})):
        yield _equal(f"count: {kind}", expected.objects.get(kind, 0), actual.objects.get(kind, 0))
    there = {(r.schema, r.name): r for r in actual.relations}
    wanted = {(r.schema, r.name): r for r in expected.relations}
    yield _equal("relations", _names(wanted), _names(there))
    for name, relation in wanted.items():
        if name in there:
            yield from _relation(relation, there[name], same_major=same_major)


def _names(relations: Iterable[Name]) -> list[str]:
    return sorted(f"{schema}.{name}" for schema, name in relations)


def _relation(expected: Relation, actual: Relation, *, same_major: bool) -> Iterator[Check]:
    label = f"{expected.schema}.{expected.name}"
    yield _equal(f"definition: {label}", _core(expected, same_major), _core(actual, same_major))


def _core(relation: Relation, same_major: bool) -> Relation:
    """What must be equal: not sizes and estimates; the server's own wording only within one major version."""
    if same_major:
        return replace(relation, rows=None, bytes=None)
    columns = tuple(replace(column, default=None) for column in relation.columns)
    indexes = tuple(replace(index, definition=None) for index in relation.indexes)
    return replace(relation, rows=None, bytes=None, definition=None, columns=columns, indexes=indexes)


def _tables(connection: Connection, expected: Manifest, partial: bool, stop: Stop) -> Iterator[Check]:
    tables = list_tables(connection)
    wanted = {(fact.schema, fact.name): fact for fact in expected.tables}
    chosen = [table for table in tables if table.target in wanted]
    found = digest.of_tables(connection, chosen, stop)
    for name, fact in wanted.items():
        label = f"{fact.schema}.{fact.name}"
        rows, text = found.get(name, (None, None))
        yield _equal(f"rows: {label}", fact.rows, rows)
        if fact.digest is None or fact.method != digest.METHOD:
            yield Check(f"digest: {label}", None, detail="the snapshot holds no comparable digest")
        else:
            yield _equal(f"digest: {label}", fact.digest, text)
    if not partial:
        extra = [table.label for table in tables if table.target not in wanted]
        yield _equal("tables beyond the snapshot", [], extra)


def _unproven(expected: JSON, actual: Mapping[str, JSON]) -> Iterator[Check]:
    """A restored index must be valid: invalid ones are built again. Constraints stay as proven as they were."""
    known = expected if isinstance(expected, dict) else {}
    indexes, constraints = actual.get("indexes"), actual.get("constraints")
    yield _equal("invalid indexes", [], [n for n in _list(indexes) if n not in _list(known.get("indexes"))])
    yield _equal("constraints not validated", _list(known.get("constraints")), _list(constraints))


def _list(value: JSON) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list | tuple) else []


def _sequences(expected: JSON, connection: Connection) -> Check:
    actual = [[s.schema, s.name, s.last, s.called] for s in sequences.read(connection)]
    wanted = (
        [list(row) for row in expected if isinstance(row, list | tuple)] if isinstance(expected, list | tuple) else []
    )
    return _equal("sequences", wanted, actual)


def _equal(name: str, expected: object, actual: object) -> Check:
    if expected == actual:
        return Check(name, True)
    return Check(name, False, expected=_short(expected), actual=_short(actual))


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 500 else text[:500] + "..."
