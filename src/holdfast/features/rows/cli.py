"""`holdfast rows`: rows of any table, without SQL."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from holdfast.features.databases.cli_query import cell
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import noun, verb

app = noun(
    "rows",
    "Rows of a table: list, read, insert, change, delete.",
    """
    holdfast rows list shop orders --where status=eq:paid --order -id
    holdfast rows insert shop orders --set status=new --set total=12
    """,
)
Database = Annotated[str, typer.Argument(metavar="DATABASE", help="Name or id.", show_default=False)]
TableArgument = Annotated[str, typer.Argument(metavar="TABLE", help="Name of the table.", show_default=False)]
Schema = Annotated[str | None, typer.Option("--schema", help="The table's schema, where it is not the usual one.")]
Key = Annotated[str, typer.Argument(metavar="KEY", help='The key: 7, or {"a":1,"b":2} for one of several columns.')]
Sets = Annotated[list[str] | None, typer.Option("--set", metavar="COLUMN=VALUE", help="A value: JSON, else text.")]
_AT_ONCE = 10_000


@verb(
    app,
    "list",
    """
    holdfast rows list shop orders --where status=eq:paid --where total=ge:100 --order -id
    holdfast rows list shop people --search ada --limit 20 --count
    holdfast rows list shop orders --all --json > orders.json
    """,
)
def list_(
    ctx: typer.Context,
    *,
    database: Database,
    table: TableArgument,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where", metavar="COLUMN=OP:VALUE", help="eq ne lt le gt ge like in null contains; VALUE is JSON or text."
        ),
    ] = None,
    order: Annotated[list[str] | None, typer.Option("--order", help="A column; -COLUMN runs downwards.")] = None,
    columns: Annotated[list[str] | None, typer.Option("--column", help="Only this one; repeatable.")] = None,
    search: Annotated[str | None, typer.Option("--search", help="Text to find in any text column.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Rows of a page.")] = 100,
    cursor: Annotated[str | None, typer.Option("--cursor", help="Go on where the last page ended.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every page, one after the other.")] = False,
    count: Annotated[bool, typer.Option("--count", help="Say how many rows fit.")] = False,
    schema: Schema = None,
) -> None:
    """List rows, a page at a time, in the order of the key unless told otherwise."""
    t = terminal(ctx)
    body: dict[str, Any] = {
        "filters": [_filter(text) for text in where or ()],
        "order": order or [],
        "columns": columns or [],
        "search": search,
        "limit": limit,
        "cursor": cursor,
        "count": count,
    }
    path = path_of(t, database, table, "rows/search", schema)
    page = t.client.post(path, body)
    rows = list(page["rows"])
    while all_ and page["next_cursor"]:
        page = t.client.post(path, body | {"cursor": page["next_cursor"], "count": False})
        rows += page["rows"]
    if t.json:
        output.say_json(page | {"rows": rows})
        return
    _show([column["name"] for column in page["columns"]], rows)
    if page["count"] is not None:
        output.say(f"{page['count']:,}{' or more' if page['count_capped'] else ''} rows fit.")
    if page["next_cursor"]:
        output.note(f"There are more: --cursor {page['next_cursor']}, or --all.")
    elif page["more"]:
        output.note("There are more, but this has no key to page by: narrow it with --where.")


@verb(app, "get", 'holdfast rows get shop orders 7\nholdfast rows get shop lines \'{"order_id":7,"line":1}\'')
def get(ctx: typer.Context, database: Database, table: TableArgument, key: Key, schema: Schema = None) -> None:
    """Show one row by its key."""
    t = terminal(ctx)
    row = t.client.get(path_of(t, database, table, "row", schema, key=_key(key)))
    if t.json:
        output.say_json(row)
    else:
        output.record({name: cell(value) for name, value in row["values"].items()})


@verb(
    app,
    "insert",
    """
    holdfast rows insert shop orders --set status=new --set total=12
    holdfast rows insert shop orders --file rows.json
    producer | holdfast rows insert shop orders --file - --upsert
    """,
)
def insert(
    ctx: typer.Context,
    *,
    database: Database,
    table: TableArgument,
    values: Sets = None,
    file: Annotated[
        typer.FileText | None, typer.Option("--file", help="JSON list, JSON object, or one object a line; - is stdin.")
    ] = None,
    upsert: Annotated[bool, typer.Option("--upsert", help="Change a row whose key is there already.")] = False,
    schema: Schema = None,
) -> None:
    """Insert rows: all of them, or none."""
    t = terminal(ctx)
    rows = _rows(values, file)
    if len(rows) > _AT_ONCE:
        raise Usage(f"at most {_AT_ONCE} rows at once", hint="larger amounts are imported")
    done = t.client.post(path_of(t, database, table, "rows", schema), {"rows": rows, "upsert": upsert})
    many = done["affected"]
    t.answer(done, f"{'Wrote' if upsert else 'Inserted'} {many:,} row{'' if many == 1 else 's'}.")


@verb(
    app,
    "update",
    """
    holdfast rows update shop orders 7 --set status=paid
    holdfast rows update shop orders 7 --set status=paid --expect status=new
    """,
)
def update(
    ctx: typer.Context,
    *,
    database: Database,
    table: TableArgument,
    key: Key,
    values: Sets = None,
    expect: Annotated[
        list[str] | None, typer.Option("--expect", metavar="COLUMN=VALUE", help="Only if it still holds this.")
    ] = None,
    schema: Schema = None,
) -> None:
    """Change some columns of one row."""
    t = terminal(ctx)
    body = {"values": _flat(values, "--set"), "expected": _flat(expect, "--expect") or None}
    row = t.client.patch(path_of(t, database, table, "row", schema, key=_key(key)), body)
    t.answer(row, f"Changed the row {output.value_text(row['key'])}.")


@verb(app, "delete", "holdfast rows delete shop orders 7")
def delete(ctx: typer.Context, database: Database, table: TableArgument, key: Key, schema: Schema = None) -> None:
    """Delete one row by its key."""
    t = terminal(ctx)
    row = t.client.delete(path_of(t, database, table, "row", schema, key=_key(key)))
    t.answer(row, f"Deleted the row {output.value_text((row or {}).get('key'))}.")


def path_of(t: Terminal, database: str, table: str, rest: str, schema: str | None, **query: str) -> str:
    """A route below a table; names are quoted whole."""
    given = query | ({"schema": schema} if schema else {})
    path = f"/databases/{t.database(database)['id']}/tables/{quote(table, safe='')}"
    return f"{path}{'/' if rest else ''}{rest}{'?' if given else ''}{urlencode(given)}"


def _key(text: str) -> str:
    """As JSON; what is none is taken as text."""
    try:
        json.loads(text)
    except ValueError:
        return json.dumps(text)
    return text


def _filter(text: str) -> dict[str, Any]:
    column, equals, rest = text.partition("=")
    op, colon, value = rest.partition(":")
    if not equals or not colon:
        raise Usage(f"--where takes COLUMN=OP:VALUE, not {text!r}")
    try:
        return {"column": column, "op": op, "value": json.loads(value)}
    except ValueError:
        return {"column": column, "op": op, "value": value}


def _flat(given: Iterable[str] | None, option: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise Usage(f"{option} takes COLUMN=VALUE, not {text!r}")
        try:
            made[name] = json.loads(value)
        except ValueError:
            made[name] = value
    return made


def _rows(values: list[str] | None, file: Any) -> list[dict[str, Any]]:
    if file is None:
        if not values:
            raise Usage("no values", hint="--set COLUMN=VALUE, or --file rows.json")
        return [_flat(values, "--set")]
    if values:
        raise Usage("--set and --file: say one of them")
    text = file.read()
    try:
        told = json.loads(text)
    except ValueError:
        told = list(_lines(text))
    rows = told if isinstance(told, list) else [told]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise Usage("rows are JSON objects: a list of them, or one a line")
    return rows


def _lines(text: str) -> Iterator[Any]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError as error:
                raise Usage(f"line {number} is no JSON: {error}") from None


def _show(names: list[str], rows: list[dict[str, Any]]) -> None:
    if not rows:
        output.say("No rows.")
        return
    output.table(names, [[cell(row["values"].get(name)) for name in names] for row in rows])
    output.say(f"({len(rows)} row{'' if len(rows) == 1 else 's'})")
