"""`holdfast query`: saved queries, templates, what ran."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from holdfast.features.databases import cli_query
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, key_values, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import Confirmed, noun, verb

app = noun(
    "query",
    "Saved queries of a database: save, run by name, look back.",
    """
    holdfast query save shop unpaid "select * from orders where total >= :least" --param least=integer:10
    holdfast query run shop unpaid --set least=100
    """,
)
Database = Annotated[str, typer.Argument(metavar="DATABASE", help="Name or id.", show_default=False)]
Saved = Annotated[str, typer.Argument(metavar="QUERY", help="Name or id of the saved query.", show_default=False)]


@verb(
    app,
    "save",
    """
    holdfast query save shop unpaid "select * from orders where total >= :least" --param least=integer:10
    holdfast query save shop report --file report.sql --private
    """,
)
def save(
    ctx: typer.Context,
    *,
    database: Database,
    name: Annotated[str, typer.Argument(metavar="QUERY", help="Its name; one that is there is changed.")],
    statement: Annotated[str | None, typer.Argument(help="One statement; - reads it from standard input.")] = None,
    params: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=TYPE[:DEFAULT]", help="text integer number boolean bytes json any."),
    ] = None,
    description: Annotated[str | None, typer.Option("--description", help="What it answers.")] = None,
    write: Annotated[bool, typer.Option("--write", help="It may change rows.")] = False,
    private: Annotated[bool, typer.Option("--private", help="Nobody else sees it.")] = False,
    file: Annotated[typer.FileText | None, typer.Option("--file", help="Read the statement from a file.")] = None,
) -> None:
    """Save a query under a name, or change the one that has it; what it was is kept."""
    t = terminal(ctx)
    where = f"/databases/{t.database(database)['id']}/saved-queries"
    text = cli_query.statement_text(statement, file)
    body: dict[str, Any] = {"statement": text, "write": write, "parameters": [_declared(each) for each in params or ()]}
    if description is not None:
        body["description"] = description
    there = [each for each in t.client.items(where, name=name) if each["shared"] is not private]
    if there:
        made = t.client.patch(f"/saved-queries/{there[0]['id']}", body, there[0]["version"])
    else:
        made = t.client.post(where, body | {"name": name, "shared": not private})
    t.answer(made, f"Saved {output.visible(name)}, version {made['version']}.")


@verb(app, "list", "holdfast query list shop")
def list_(ctx: typer.Context, database: Database) -> None:
    """List a database's saved queries: those shared, and one's own."""
    t = terminal(ctx)
    t.table(
        t.client.items(f"/databases/{t.database(database)['id']}/saved-queries"),
        {
            "NAME": "name",
            "PARAMETERS": lambda item: ", ".join(each["name"] for each in item["parameters"]),
            "SHARED": lambda item: "yes" if item["shared"] else "no",
            "WRITES": lambda item: "yes" if item["write"] else "no",
            "DESCRIPTION": "description",
            "ID": "id",
        },
        empty='No saved queries yet. Save one: holdfast query save DATABASE NAME "select 1"',
    )


@verb(app, "show", "holdfast query show shop unpaid")
def show(
    ctx: typer.Context,
    database: Database,
    query: Saved,
    versions: Annotated[bool, typer.Option("--versions", help="What it was before, newest first.")] = False,
) -> None:
    """Show a saved query: its statement and parameters."""
    t = terminal(ctx)
    found = _find(t, database, query)
    if versions:
        t.table(
            t.client.items(f"/saved-queries/{found['id']}/versions"),
            {
                "VERSION": "version",
                "AT": lambda item: output.moment_text(item["at"]),
                "BY": "actor",
                "STATEMENT": "statement",
            },
            empty="No versions.",
        )
        return
    if t.json:
        output.say_json(found)
        return
    for each in found["parameters"]:
        default = "" if each["required"] else f" = {output.value_text(each['default'])}"
        output.say(f"-- :{each['name']} {each['type']}{default}  {output.visible(each['description'])}".rstrip())
    output.say(output.visible(found["statement"]))


@verb(app, "run", "holdfast query run shop unpaid --set least=100 --format csv")
def run(
    ctx: typer.Context,
    *,
    database: Database,
    query: Saved,
    values: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter: JSON, else text.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="table, json, csv or ndjson.")] = "table",
    rows: Annotated[int | None, typer.Option("--rows", min=1, help="Stop after this many rows.")] = None,
    seconds: Annotated[float | None, typer.Option("--seconds", min=0.1, help="Cancel after this long.")] = None,
) -> None:
    """Run a saved query by name with bound parameters."""
    t = terminal(ctx)
    found = _find(t, database, query)
    limits = {key: value for key, value in (("rows", rows), ("seconds", seconds)) if value is not None}
    body = {"params": key_values(values or (), "--set"), "limits": limits}
    result = cli_query.Result.of(t.client.lines("POST", f"/saved-queries/{found['id']}/run", body))
    cli_query.show(result, "json" if t.json else form)


@verb(app, "remove", "holdfast query remove shop unpaid --confirm unpaid")
def remove(
    ctx: typer.Context,
    database: Database,
    query: Saved,
    confirm: Confirmed = None,
) -> None:
    """Delete a saved query and its versions."""
    t = terminal(ctx)
    found = _find(t, database, query)
    name = t.confirm(found["name"], confirm, "deletes a saved query")
    t.client.request("DELETE", f"/saved-queries/{found['id']}", version=found["version"])
    t.answer({"deleted": found["id"]}, f"Deleted {output.visible(name)}.")


@verb(app, "history", "holdfast query history shop --status query_timeout --limit 20")
def history(
    ctx: typer.Context,
    *,
    database: Database,
    status: Annotated[str | None, typer.Option("--status", help="ok, cancelled, or an error's code.")] = None,
    actor: Annotated[str | None, typer.Option("--actor", help="Who ran it: an id.")] = None,
    contains: Annotated[str | None, typer.Option("--contains", help="Text in the statement's shape.")] = None,
    writes: Annotated[bool, typer.Option("--writes", help="Only those run with write access.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="The newest so many.")] = 50,
) -> None:
    """Show which statements ran: their shape without values, how long, how they ended."""
    t = terminal(ctx)
    filters = {"status": status, "actor": actor, "contains": contains, "write": "true" if writes else None}
    t.table(
        t.client.items(f"/databases/{t.database(database)['id']}/statements", limit=limit, **filters),
        {
            "AT": lambda item: output.moment_text(item["at"]),
            "BY": "actor",
            "STATUS": "status",
            "MS": lambda item: f"{item['duration_ms']:.1f}",
            "ROWS": "rows",
            "STATEMENT": "fingerprint",
        },
        empty="Nothing ran yet.",
        right=("MS", "ROWS"),
    )


@verb(app, "templates", "holdfast query templates shop --table orders")
def templates(
    ctx: typer.Context,
    database: Database,
    table: Annotated[str | None, typer.Option("--table", help="Fill in this table.")] = None,
    schema: Annotated[str | None, typer.Option("--schema", help="The table's schema.")] = None,
) -> None:
    """Show ready statements of the engine, for a chosen table with its name quoted."""
    t = terminal(ctx)
    found = t.client.get(f"/databases/{t.database(database)['id']}/templates", table=table, schema=schema)
    t.table(found, {"TEMPLATE": "title", "STATEMENT": "statement"}, empty="This engine has none.")


def _find(t: Terminal, database: str, query: str) -> dict[str, Any]:
    from holdfast.kernel.ids import is_id

    found = t.database(database)
    if is_id(query, "sqy"):
        return dict(t.client.get(f"/saved-queries/{query}"))
    there = list(t.client.items(f"/databases/{found['id']}/saved-queries", name=query))
    own = [each for each in there if not each["shared"]] or there  # one's own hides the shared one of its name
    if not own:
        from holdfast.kernel.errors import NotFound

        raise NotFound(f"there is no saved query named {query!r}", hint="list them: holdfast query list DATABASE")
    return own[0]


def _declared(text: str) -> dict[str, Any]:
    name, equals, rest = text.partition("=")
    kind, colon, default = rest.partition(":")
    if not equals or not name:
        raise Usage(f"--param takes NAME=TYPE or NAME=TYPE:DEFAULT, not {text!r}")
    if not colon:
        return {"name": name, "type": kind}
    try:
        return {"name": name, "type": kind, "default": json.loads(default)}
    except ValueError:
        return {"name": name, "type": kind, "default": default}
