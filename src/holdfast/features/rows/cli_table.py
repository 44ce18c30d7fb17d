"""`holdfast table`: the shape of tables."""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from holdfast.features.rows.cli import Database, Schema, TableArgument, path_of
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import noun, verb

app = noun(
    "table",
    "Tables: list, show, create, alter, drop.",
    """
    holdfast table create shop orders --column "id integer" --column "status text not null" --key id
    holdfast table alter shop orders --add "total numeric(12,2)" --dry-run
    """,
)
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show which statements would run.")]
File = Annotated[typer.FileText | None, typer.Option("--file", help="The whole wish as JSON; - is standard input.")]


@verb(app, "list", "holdfast table list shop")
def list_(ctx: typer.Context, database: Database) -> None:
    """List a database's tables and views."""
    t = terminal(ctx)
    t.table(
        t.client.items(f"/databases/{t.database(database)['id']}/tables"),
        {
            "TABLE": lambda item: item["name"],
            "SCHEMA": "schema",
            "KIND": "kind",
            "COLUMNS": "columns",
            "KEY": lambda item: ", ".join(item["primary_key"]),
            "ROWS ~": "rows",
        },
        empty='No tables yet. Make one: holdfast table create DATABASE orders --column "id integer" --key id',
        right=("COLUMNS", "ROWS ~"),
    )


_APART = {
    "primary": "rows told apart by their primary key",
    "unique": "rows told apart by a unique key",
    "rowid": "rows told apart by the engine's own number",
    "position": "no key: rows can be read in pages, not changed one by one",
    "none": "no key: the first rows only",
}


@verb(app, "show", "holdfast table show shop orders")
def show(ctx: typer.Context, database: Database, table: TableArgument, schema: Schema = None) -> None:
    """Show a table: columns, keys, indexes, constraints."""
    t = terminal(ctx)
    found = t.client.get(path_of(t, database, table, "", schema))
    if t.json:
        output.say_json(found)
        return
    output.say(f"{found['kind']} {output.visible(found['name'])}, {_APART[found['key_kind']]}")
    output.table(
        ["COLUMN", "TYPE", "NULL", "DEFAULT", "KEY"],
        [
            [c["name"], c["type"], "" if c["nullable"] else "not null", c["default"] or "", str(c["primary_key"] or "")]
            for c in found["columns"]
        ],
    )
    for index in found["indexes"]:
        words = f"{'unique ' if index['unique'] else ''}index {index['name']} ({', '.join(index['columns'])})"
        output.say(output.visible(f"  {words}"))
    for each in found["constraints"]:
        output.say(output.visible(f"  {each['kind']} {each['name'] or ''}: {' '.join(each['definition'].split())}"))
    for name in found["triggers"]:
        output.say(output.visible(f"  trigger {name}"))


@verb(
    app,
    "create",
    """
    holdfast table create shop orders --column "id integer" --column "status text not null" --key id
    holdfast table create shop lines --file lines.json --dry-run
    """,
)
def create(
    ctx: typer.Context,
    *,
    database: Database,
    table: TableArgument,
    columns: Annotated[
        list[str] | None, typer.Option("--column", metavar="'NAME TYPE [not null] [= DEFAULT]'", help="A column.")
    ] = None,
    key: Annotated[list[str] | None, typer.Option("--key", help="A column of the primary key; repeatable.")] = None,
    file: File = None,
    dry_run: DryRun = False,
    schema: Schema = None,
) -> None:
    """Create a table. Foreign keys, checks and indexes are said in --file."""
    t = terminal(ctx)
    body = _wish(file) | {"name": table}
    if columns:
        body["columns"] = [column_of(text) for text in columns]
    if key:
        body["primary_key"] = key
    if not body.get("columns"):
        raise Usage("a table needs columns", hint='--column "id integer", or --file table.json')
    query = {"schema": schema} | ({"preview": "true"} if dry_run else {})
    path = f"/databases/{t.database(database)['id']}/tables?{urlencode({k: v for k, v in query.items() if v})}"
    _done(t, t.client.post(path.rstrip("?"), body), f"Created {output.visible(table)}.")


@verb(
    app,
    "alter",
    """
    holdfast table alter shop orders --add "total numeric(12,2) = 0"
    holdfast table alter shop orders --drop note --rename-column total:amount --dry-run
    holdfast table alter shop orders --file change.json
    """,
)
def alter(
    ctx: typer.Context,
    *,
    database: Database,
    table: TableArgument,
    add: Annotated[list[str] | None, typer.Option("--add", metavar="'NAME TYPE ...'", help="A new column.")] = None,
    drop_columns: Annotated[list[str] | None, typer.Option("--drop", metavar="COLUMN", help="Drop a column.")] = None,
    renames: Annotated[
        list[str] | None, typer.Option("--rename-column", metavar="OLD:NEW", help="Rename a column.")
    ] = None,
    rename: Annotated[str | None, typer.Option("--rename", help="The table's new name.")] = None,
    file: File = None,
    dry_run: DryRun = False,
    schema: Schema = None,
) -> None:
    """Change a table in one transaction; everything else than columns and names is said in --file."""
    t = terminal(ctx)
    body = _wish(file)
    if add:
        body["add_columns"] = [column_of(text) for text in add]
    if drop_columns:
        body["drop_columns"] = drop_columns
    if rename:
        body["rename"] = rename
    for text in renames or ():
        old, colon, new = text.partition(":")
        if not colon:
            raise Usage(f"--rename-column takes OLD:NEW, not {text!r}")
        body.setdefault("columns", []).append({"column": old, "rename": new})
    if not body:
        raise Usage("nothing to change", hint='--add "note text", --drop note, or --file change.json')
    path = path_of(t, database, table, "", schema, **({"preview": "true"} if dry_run else {}))
    _done(t, t.client.patch(path, body), f"Changed {output.visible(table)}.")


@verb(app, "drop", "holdfast table drop shop orders --confirm orders")
def drop(
    ctx: typer.Context,
    *,
    database: Database,
    table: TableArgument,
    confirm: Annotated[
        str | None, typer.Option("--confirm", metavar="NAME", help="The table's name again, for scripts.")
    ] = None,
    schema: Schema = None,
) -> None:
    """Drop a table with its rows. A snapshot taken before is the way back."""
    t = terminal(ctx)
    path = path_of(t, database, table, "", schema)
    name = t.confirm(table, confirm, "drops a table with its rows")
    _done(t, t.client.delete(path, {"confirm": name}), f"Dropped {output.visible(table)}.")


def column_of(text: str) -> dict[str, Any]:
    """'NAME TYPE [not null] [= DEFAULT]'; a name with blanks stands in double quotes."""
    text, equals, default = text.partition("=")
    text = text.strip()
    if text.startswith('"'):
        name, _, rest = text[1:].partition('"')
    else:
        name, _, rest = text.partition(" ")
    rest = rest.strip()
    nullable = not rest.lower().endswith("not null")
    made: dict[str, Any] = {"name": name, "type": rest if nullable else rest[: -len("not null")].strip()}
    return made | ({} if nullable else {"nullable": False}) | ({"default": default.strip()} if equals else {})


def _wish(file: Any) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        told = json.loads(file.read())
    except ValueError as error:
        raise Usage(f"--file is no JSON: {error}") from None
    if not isinstance(told, dict):
        raise Usage("--file holds one JSON object")
    return told


def _done(t: Terminal, steps: dict[str, Any], words: str) -> None:
    if t.json:
        output.say_json(steps)
    elif not steps["statements"]:
        output.say("Nothing to change.")
    elif steps["applied"]:
        output.say(words)
    else:
        output.say("\n".join(f"{output.visible(statement)};" for statement in steps["statements"]))
