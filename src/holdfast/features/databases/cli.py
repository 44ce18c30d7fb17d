"""`holdfast db`: databases from creation to deletion."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from holdfast.features.databases import external_cli
from holdfast.kernel.errors import HoldfastError, NotFound
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, key_values, label_pairs, terminal
from holdfast.terminal.noun import Confirmed, noun, verb

app = noun(
    "db",
    "Databases: create, query, stop, delete.",
    """
    holdfast db create sqlite shop
    holdfast db query shop "select 1"
    """,
)
Name = Annotated[str, typer.Argument(metavar="DATABASE", help="Name or id.", show_default=False)]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Return the run at once instead of watching it.")]
external_cli.add(app)


@verb(
    app,
    "create",
    'holdfast db create postgresql shop --set version="18"\nholdfast db create sqlite notes --label team=web',
)
def create(
    ctx: typer.Context,
    *,
    engine: Annotated[str, typer.Argument(help="Engine (see holdfast engine list).")],
    name: Annotated[str, typer.Argument(help="Name of the new database.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of the engine.")
    ] = None,
    labels: Annotated[list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="A label.")] = None,
    colour: Annotated[str | None, typer.Option("--colour", help="A word such as red, or #aabbcc.")] = None,
    notes: Annotated[str, typer.Option("--notes", help="What to know about it.")] = "",
    protect: Annotated[bool, typer.Option("--protect", help="Refuse to delete it until db edit --no-protect.")] = False,
    node: Annotated[
        str | None, typer.Option("--node", help="Where it shall live; by default where it is asked.")
    ] = None,
    no_wait: NoWait = False,
) -> None:
    """Create a database and wait until it is ready."""
    t = terminal(ctx)
    body: dict[str, Any] = {
        "environment_id": t.environment_of()["id"],
        "engine": engine,
        "name": name,
        "spec": key_values(settings or (), "--set"),
        "labels": label_pairs(labels or ()),
        "notes": notes,
        "deletion_protection": protect,
    }
    body |= {key: value for key, value in (("node", node), ("colour", colour)) if value is not None}
    made = t.client.post("/databases", body)
    ended(t, made, no_wait, "Created {engine} database {name}. Query it: holdfast db shell {word}")


@verb(app, "list", "holdfast db list --env production\nholdfast db list --label team=web --colour red")
def list_(
    ctx: typer.Context,
    *,
    engine: Annotated[str | None, typer.Option("--engine", help="Only this engine's.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Only those with this in the name.")] = None,
    labels: Annotated[
        list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="Only those with this label; repeatable.")
    ] = None,
    colour: Annotated[str | None, typer.Option("--colour", help="Only those of this colour.")] = None,
    notes: Annotated[str | None, typer.Option("--notes", help="Only those with this in the notes.")] = None,
    deleted: Annotated[bool, typer.Option("--deleted", help="Those deleted that can still be brought back.")] = False,
) -> None:
    """List databases."""
    t = terminal(ctx)
    wanted = {"engine": engine, "name": name, "label": labels, "colour": colour, "notes": notes}
    wanted = {key: value for key, value in wanted.items() if value}
    filters: dict[str, Any] = t.scope() | wanted | ({"deleted": "true"} if deleted else {})
    empty = "No databases yet. Create one: holdfast db create sqlite shop"
    if deleted or wanted:
        empty = "Nothing deleted can be brought back." if deleted else "No database is like that."
    t.table(
        t.client.items("/databases", **filters),
        {
            "NAME": "name",
            "ENGINE": "engine",
            "STATE": "state",
            "LABELS": lambda item: pairs_text(item.get("labels") or {}) or None,
            "CREATED": lambda item: output.moment_text(item.get("created_at")),
            "ID": "id",
        },
        empty=empty,
    )


@verb(app, "show", "holdfast db show shop")
def show(ctx: typer.Context, database: Name) -> None:
    """Show a database: its state, settings and what is inside."""
    t = terminal(ctx)
    found = t.database(database)
    catalog = _catalog(t, found) if found["state"] == "ready" else None
    door = _door(t, found["id"])
    if t.json:
        output.say_json(found | {"catalog": catalog, "exposure": door})
        return
    reason = found.get("state_reason") or {}
    output.record(
        {
            "Name": found["name"],
            "Id": found["id"],
            "Engine": found["engine"],
            "State": found["state"] + (f" ({reason['message']})" if reason.get("message") else ""),
            "Settings": _settings(found.get("spec") or {}),
            "Labels": pairs_text(found.get("labels") or {}) or "-",
            "Colour": found.get("colour") or "-",
            "Notes": output.visible(found.get("notes") or "-"),
            "Protected": "against deletion" if found.get("deletion_protection") else "no",
            "Node": found.get("node") or "any",
            "Open to": f"{', '.join(door['allow'])} at port {door['port']}, TLS" if door else "nobody from outside",
            "Created": output.moment_text(found.get("created_at")),
            "From": _origin(t.client.get(f"/databases/{found['id']}/origin")),
        }
    )
    if catalog:
        output.say()
        _relations(catalog)


def _catalog(t: Terminal, found: dict[str, Any]) -> dict[str, Any] | None:
    """None when only another node can look inside: the node is shown."""
    try:
        return dict(t.client.get(f"/databases/{found['id']}/catalog"))
    except HoldfastError as error:
        if error.code != "other_node":
            raise
        return None


@verb(app, "url", 'psql "$(holdfast db url shop)"')
def url(
    ctx: typer.Context,
    database: Name,
    access: Annotated[str, typer.Option("--access", help="Whose rights: owner, rw or ro.")] = "rw",
) -> None:
    """Print the connection URL, password included. Every reveal is audited."""
    t = terminal(ctx)
    answer = t.client.post(f"/databases/{t.database(database)['id']}/url", {"access": access})
    t.answer(answer, str(answer["url"]))


@verb(app, "stop", "holdfast db stop shop")
def stop(ctx: typer.Context, database: Name, no_wait: NoWait = False) -> None:
    """Stop a database's server; its data stays."""
    _act(ctx, database, "stop", no_wait, "Stopped {name}. Start it again: holdfast db start {word}")


@verb(app, "start", "holdfast db start shop")
def start(ctx: typer.Context, database: Name, no_wait: NoWait = False) -> None:
    """Start a stopped database."""
    _act(ctx, database, "start", no_wait, "Started {name}.")


@verb(app, "delete", "holdfast db delete shop\nholdfast db delete shop --confirm shop")
def delete(
    ctx: typer.Context,
    database: Name,
    confirm: Confirmed = None,
    no_wait: NoWait = False,
) -> None:
    """Delete a database. Its data is kept for a grace period in which `undelete` brings it back."""
    t = terminal(ctx)
    found = t.database(database)
    t.warn_bound(found["id"])
    name = t.confirm(found["name"], confirm, "deletes a database")
    made = t.client.delete(f"/databases/{found['id']}", {"confirm": name})
    ended(t, made or {"resource": found}, no_wait, "Deleted {name}. Bring it back: holdfast db undelete {word}")


@verb(app, "undelete", "holdfast db undelete shop")
def undelete(ctx: typer.Context, database: Name, no_wait: NoWait = False) -> None:
    """Bring back a deleted database within its grace period."""
    t = terminal(ctx)
    found = t.database(database, deleted=True)
    made = t.client.post(f"/databases/{found['id']}/undelete", {})
    ended(t, made, no_wait, "{name} is back.")


@verb(app, "purge", "holdfast db purge shop --confirm shop")
def purge(
    ctx: typer.Context,
    database: Name,
    confirm: Confirmed = None,
    no_wait: NoWait = False,
) -> None:
    """Remove a deleted database's data for good, before its grace period ends. Its snapshots stay."""
    t = terminal(ctx)
    found = t.database(database, deleted=True)
    name = t.confirm(found["name"], confirm, "removes a deleted database for good")
    made = t.client.post(f"/databases/{found['id']}/purge", {"confirm": name})
    ended(t, made, no_wait, "Purged {name}. Its snapshots stay: holdfast snapshot list")


@verb(
    app,
    "query",
    """
    holdfast db query shop "select * from orders where id = ?" --param 7
    holdfast db query shop --write "delete from carts"
    holdfast db query shop --file report.sql --format csv > report.csv
    """,
)
def query(
    ctx: typer.Context,
    *,
    database: Name,
    statement: Annotated[str | None, typer.Argument(help="One statement; - reads it from standard input.")] = None,
    params: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="VALUE", help="A bound value: JSON, or text when it is not JSON."),
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Allow changes; without it the engine refuses them.")] = False,
    form: Annotated[str, typer.Option("--format", help="table, json, csv or ndjson.")] = "table",
    file: Annotated[typer.FileText | None, typer.Option("--file", help="Read the statement from a file.")] = None,
    rows: Annotated[int | None, typer.Option("--rows", min=1, help="Stop after this many rows.")] = None,
    seconds: Annotated[float | None, typer.Option("--seconds", min=0.1, help="Cancel after this long.")] = None,
) -> None:
    """Run one statement with bound parameters. Read-only unless --write."""
    from holdfast.features.databases import cli_query

    t = terminal(ctx)
    text = cli_query.statement_text(statement, file)
    result = cli_query.Result(
        t.client,
        t.database(database)["id"],
        {"statement": text, "params": cli_query.bound(params or ()), "write": write, "rows": rows, "seconds": seconds},
    )
    cli_query.show(result, "json" if t.json else form)


@verb(app, "shell", "holdfast db shell shop\nholdfast db shell shop --write")
def shell(
    ctx: typer.Context,
    database: Name,
    write: Annotated[bool, typer.Option("--write", help="Allow changes.")] = False,
) -> None:
    """Type statements at a prompt. `\\q` leaves, `\\dt` lists tables, `\\d NAME` describes one."""
    from holdfast.features.databases.cli_shell import Shell

    t = terminal(ctx)
    found = t.database(database)
    Shell(t.client, found, write=write).run()


def _act(ctx: typer.Context, database: str, act: str, no_wait: bool, done: str) -> None:
    t = terminal(ctx)
    made = t.client.post(f"/databases/{t.database(database)['id']}/{act}", {})
    ended(t, made, no_wait, done)


def ended(t: Terminal, made: dict[str, Any], no_wait: bool, done: str) -> None:
    """Watch the run of an answer {resource, run} and say how it ended."""
    resource = made.get("resource") or made
    run = made.get("run")
    if run is not None and no_wait:
        t.answer(made, f"{run['id']}\nWatch it: holdfast run watch {run['id']}")
        return
    if run is not None:
        run = t.follow(run)
    name = output.visible(str(resource["name"]))
    words = {"name": name, "word": shlex.quote(name), "engine": resource.get("engine"), "id": resource["id"]}
    if t.json:
        path = f"/databases/{resource['id']}"
        current = (
            resource
            if resource.get("deleted_at") or (run and run["kind"].endswith(("delete", "purge")))
            else t.client.get(path)
        )
        output.say_json({"resource": current, "run": run})
    else:
        output.say(done.format(**words))


def _origin(origin: dict[str, Any]) -> str:
    """Cloned or restored from what, as of when."""
    if origin["how"] == "created":
        return "-"
    words = f"{origin['how']} from {output.visible(str(origin['source_name']))} ({origin['source_id']})"
    if origin["snapshot_id"]:
        words += f", snapshot {origin['snapshot_id']}"
    return words + (f", as of {output.moment_text(origin['moment'])}" if origin["moment"] else "")


def _door(t: Terminal, database_id: str) -> dict[str, Any] | None:
    """How its port is open to a network; None when it is closed."""
    try:
        return dict(t.client.get(f"/databases/{database_id}/exposure"))
    except NotFound:
        return None


def pairs_text(labels: Mapping[str, str]) -> str:
    """Labels as they are typed."""
    return "  ".join(f"{output.visible(key)}={output.visible(value)}" for key, value in sorted(labels.items()))


def _settings(given: dict[str, Any]) -> str:
    """`key=value` as `--set` takes them; what is not set is left out."""
    return (
        "  ".join(f"{key}={output.value_text(value)}" for key, value in given.items() if value not in (None, [])) or "-"
    )


def _relations(catalog: dict[str, Any]) -> None:
    from holdfast.features.databases.cli_query import relation_name

    rows = [
        [
            relation_name(r),
            r["kind"],
            "-" if r.get("rows") is None else f"{r['rows']:,}",
            output.size_text(r.get("bytes")),
        ]
        for r in catalog.get("relations") or []
    ]
    if rows:
        counted = "ROWS" if catalog.get("rows_exact") else "ROWS ~"
        output.table(["TABLE", "KIND", counted, "SIZE"], rows, right=(counted, "SIZE"))
    else:
        output.say("No tables yet.")
