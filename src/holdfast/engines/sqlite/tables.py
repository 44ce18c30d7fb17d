"""Bringing single tables of a snapshot into a live database, in one transaction."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import apsw

from holdfast.contract.catalog import Relation
from holdfast.contract.snapshot import Receipt, RestoreRequest, Source
from holdfast.contract.spec import Endpoint
from holdfast.engines.sqlite.connections import database, literal, path_of, quote, rows, scalar
from holdfast.engines.sqlite.digest import selected
from holdfast.engines.sqlite.look import look
from holdfast.engines.sqlite.pull import pull
from holdfast.engines.sqlite.restore import check_source, quick_check
from holdfast.kernel.errors import Conflict, NotFound
from holdfast.kernel.stop import Stop

_INDEX = re.compile(
    r"""(CREATE (?:UNIQUE )?INDEX )("(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|'(?:[^']|'')*'|[^\s]+)(.*)""", re.S
)


def restore_tables(at: Endpoint, source: Source, want: RestoreRequest, scratch: Path, stop: Stop) -> Receipt:
    """Selected tables under their names or new ones; a name already taken refuses the whole request."""
    check_source(source)
    with tempfile.TemporaryDirectory(dir=scratch) as directory:
        copy = Path(directory) / "snapshot"
        pull(source, copy, want.parallel, want.progress, stop)
        quick_check(copy, stop)
        with database(copy, "write", stop) as connection:
            catalog = look(connection, "", "shallow")
            chosen = _choose(catalog.relations, want)
            _rename(connection, chosen)
        return _copy_into(path_of(at), copy, chosen, want.into, stop)


def _choose(relations: tuple[Relation, ...], want: RestoreRequest) -> dict[str, tuple[str, Relation]]:
    """Present name -> (name at the target, relation)."""
    names = {f"{r.schema}.{r.name}": r for r in relations} | {r.name: r for r in relations}
    renames = {}
    for old, new in want.rename.items():
        if old not in names:
            raise NotFound(f"the snapshot has no table {old}", code="table_unknown")
        renames[names[old].name] = new
    patterns = want.select or (tuple(want.rename) if want.into == "existing" else ())
    chosen = {r.name: (renames.get(r.name, r.name), r) for r in relations if selected(r, patterns)}
    if not chosen and patterns:
        raise NotFound(f"no table of the snapshot fits {', '.join(patterns)}", code="table_unknown")
    targets = [new.lower() for new, _ in chosen.values()]
    if len(set(targets)) != len(targets):
        raise Conflict("two tables would get the same name", code="table_exists")
    return chosen


def _rename(connection: apsw.Connection, chosen: dict[str, tuple[str, Relation]]) -> None:
    """Let SQLite itself rewrite definitions, indexes and references, in the scratch copy."""
    moving = {old: new for old, (new, relation) in chosen.items() if old != new and relation.kind == "table"}
    for number, old in enumerate(moving):
        connection.execute(f"ALTER TABLE {quote(old)} RENAME TO {quote(f'holdfast moving {number}')}")
    taken = {str(row[0]).lower() for row in connection.execute("SELECT name FROM main.sqlite_schema")}
    for number, new in enumerate(moving.values()):
        if new.lower() in taken:
            connection.execute(f"ALTER TABLE {quote(new)} RENAME TO {quote(f'holdfast aside {number}')}")
        connection.execute(f"ALTER TABLE {quote(f'holdfast moving {number}')} RENAME TO {quote(new)}")


def _copy_into(path: Path, copy: Path, chosen: dict[str, tuple[str, Relation]], into: str, stop: Stop) -> Receipt:
    notes: list[str] = []
    with database(path, "write", stop) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("ATTACH ? AS snapshot", (str(copy),))
        connection.execute("BEGIN IMMEDIATE")
        try:
            _refuse_clashes(connection, [new for new, _ in chosen.values()], into)
            copied = 0
            for new, relation in chosen.values():
                if relation.kind == "table":
                    copied += _copy_table(connection, new, relation, notes)
            for new, relation in chosen.values():
                if relation.kind == "view":
                    connection.execute(str(relation.definition))
                elif relation.kind == "virtual table":
                    notes.append(f"{new} is a virtual table: restore the whole database to get it")
            _copy_triggers(connection, [new for new, _ in chosen.values()], notes)
            stop.check()
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        finally:
            if not connection.in_transaction:
                connection.execute("DETACH snapshot")
    return Receipt(tuple(notes), {"tables": len(chosen), "rows": copied})


def _refuse_clashes(connection: apsw.Connection, names: list[str], into: str) -> None:
    there = {str(row[0]).lower(): str(row[0]) for row in connection.execute("SELECT name FROM main.sqlite_schema")}
    if into == "empty" and there:
        raise Conflict("the target database is not empty", code="target_not_empty")
    clashes = [there[name.lower()] for name in names if name.lower() in there]
    if clashes:
        raise Conflict(
            f"the target already has {', '.join(sorted(clashes))}",
            code="table_exists",
            hint="give the restored table another name",
        )


def _copy_table(connection: apsw.Connection, new: str, relation: Relation, notes: list[str]) -> int:
    found = rows(
        connection,
        "SELECT type, name, sql FROM snapshot.sqlite_schema WHERE tbl_name = ? AND type IN ('table', 'index')",
        (new,),
    )
    definition: str = next(sql for kind, name, sql in found if kind == "table")
    connection.execute(definition)
    columns = ", ".join(quote(c.name) for c in relation.columns if not c.generated)
    connection.execute(f"INSERT INTO main.{quote(new)} ({columns}) SELECT {columns} FROM snapshot.{quote(new)}")
    copied = connection.changes()
    for _, name, sql in (row for row in found if row[0] == "index" and row[2]):
        connection.execute(_index_sql(connection, new, name, sql, notes))
    if re.search(r"\bAUTOINCREMENT\b", definition, re.I):
        connection.execute("DELETE FROM main.sqlite_sequence WHERE name = ?", (new,))
        connection.execute(
            "INSERT INTO main.sqlite_sequence SELECT name, seq FROM snapshot.sqlite_sequence WHERE name = ?", (new,)
        )
    return copied


def _index_sql(connection: apsw.Connection, table: str, name: str, sql: str, notes: list[str]) -> str:
    """An index whose name is taken gets another: the data matters more than the name."""
    taken = f"SELECT count(*) FROM main.sqlite_schema WHERE name = {literal(name)} COLLATE NOCASE"
    match = _INDEX.fullmatch(sql)
    if not scalar(connection, taken) or match is None:
        return sql
    other = f"{name}_{table}"
    notes.append(f"the index {name} is called {other} here: its name was taken")
    return f"{match[1]}{quote(other)}{match[3]}"


def _copy_triggers(connection: apsw.Connection, names: list[str], notes: list[str]) -> None:
    triggers = "SELECT name, tbl_name, sql FROM snapshot.sqlite_schema WHERE type = 'trigger'"
    for name, table, sql in rows(connection, triggers):
        if table not in names:
            continue
        if scalar(connection, f"SELECT count(*) FROM main.sqlite_schema WHERE name = {literal(name)} COLLATE NOCASE"):
            notes.append(f"the trigger {name} was left out: its name is taken")
        else:
            connection.execute(sql)
