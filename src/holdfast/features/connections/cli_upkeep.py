"""`holdfast upkeep`: chores, settings and extensions of a database."""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast.features.databases.cli import Name, NoWait
from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import noun, verb

app = noun(
    "upkeep",
    "Upkeep: vacuum, analyse, reindex, check; settings and extensions.",
    """
    holdfast upkeep run shop vacuum
    holdfast upkeep set shop work_mem=16MB
    holdfast upkeep enable shop vector
    """,
)
Extension = Annotated[str, typer.Argument(metavar="EXTENSION", help="Its name.")]


@verb(app, "list", "holdfast upkeep list shop")
def list_(ctx: typer.Context, database: Name) -> None:
    """List what can be done for a database, and who waits meanwhile."""
    t = terminal(ctx)
    t.table(
        t.client.items(f"/databases/{t.database(database)['id']}/chores"),
        {"CHORE": "name", "WHAT IT DOES": "title", "WHO WAITS": "blocks"},
        empty="This engine needs no upkeep.",
    )


@verb(app, "run", "holdfast upkeep run shop vacuum\nholdfast upkeep run shop reindex --table public.orders")
def run(
    ctx: typer.Context,
    *,
    database: Name,
    chore: Annotated[str, typer.Argument(help="See holdfast upkeep list.")],
    table: Annotated[str | None, typer.Option("--table", help='Only this one, "schema.table".')] = None,
    no_wait: NoWait = False,
) -> None:
    """Run a chore and watch it."""
    t = terminal(ctx)
    found = t.database(database)
    made = t.client.post(f"/databases/{found['id']}/chores/{chore}", {"target": table})["run"]
    if no_wait:
        t.answer(made, f"{made['id']}\nWatch it: holdfast run watch {made['id']}")
        return
    done = t.follow(made)
    notes = (done.get("result") or {}).get("notes") or []
    t.answer(done, "\n".join([f"{chore} is done.", *notes]))


@verb(app, "settings", "holdfast upkeep settings shop")
def settings(ctx: typer.Context, database: Name) -> None:
    """List the settings that can be changed here, with value, default and what is pending."""
    t = terminal(ctx)
    t.table(
        t.client.items(f"/databases/{t.database(database)['id']}/settings"),
        {
            "SETTING": "name",
            "VALUE": "value",
            "DEFAULT": lambda item: item["default"] + (f" {item['unit']}" if item.get("unit") else ""),
            "CHANGED": lambda item: "yes" if item["changed"] else None,
            "PENDING": "pending",
            "APPLIES": "applies",
        },
        empty="No setting can be changed here.",
    )


@verb(app, "set", "holdfast upkeep set shop work_mem=16MB statement_timeout=30s\nholdfast upkeep set shop work_mem=")
def set_(
    ctx: typer.Context,
    database: Name,
    changes: Annotated[list[str], typer.Argument(metavar="NAME=VALUE", help="NAME= sets it back to its default.")],
) -> None:
    """Change settings: all of them, or none when one is refused."""
    t = terminal(ctx)
    wanted: dict[str, str | None] = {}
    for text in changes:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise Usage(f"settings read NAME=VALUE, not {text!r}")
        wanted[name] = value or None
    found = t.client.patch(f"/databases/{t.database(database)['id']}/settings", {"settings": wanted})["items"]
    mine = [item for item in found if item["name"] in wanted]
    waits = [item["name"] for item in mine if item["pending"] is not None]
    lines = [f"{item['name']} = {item['value']}  ({item['applies']})" for item in mine]
    lines += [f"A restart is needed for {', '.join(waits)}: holdfast db stop, then holdfast db start."] if waits else []
    t.answer(mine, output.visible("\n".join(lines)) if len(lines) == 1 else "\n".join(map(output.visible, lines)))


@verb(app, "extensions", "holdfast upkeep extensions shop")
def extensions(ctx: typer.Context, database: Name) -> None:
    """List extensions that may be enabled."""
    t = terminal(ctx)
    t.table(
        t.client.items(f"/databases/{t.database(database)['id']}/extensions"),
        {"EXTENSION": "name", "ENABLED": "installed", "AVAILABLE": "available", "WHAT IT IS": "description"},
        empty="This server has no extension that may be enabled here.",
    )


@verb(app, "enable", "holdfast upkeep enable shop vector")
def enable(ctx: typer.Context, database: Name, extension: Extension) -> None:
    """Enable an extension."""
    t = terminal(ctx)
    t.client.put(f"/databases/{t.database(database)['id']}/extensions/{extension}", None)
    t.answer({"extension": extension, "enabled": True}, f"Enabled {extension}.")


@verb(app, "disable", "holdfast upkeep disable shop vector --confirm shop")
def disable(
    ctx: typer.Context,
    database: Name,
    extension: Extension,
    cascade: Annotated[bool, typer.Option("--cascade", help="Drop what needs it too.")] = False,
    confirm: Annotated[
        str | None, typer.Option("--confirm", metavar="NAME", help="The database's name again, for scripts.")
    ] = None,
) -> None:
    """Disable an extension. What needs it is dropped only with --cascade."""
    t = terminal(ctx)
    found = t.database(database)
    name = t.confirm(found["name"], confirm, "takes an extension out of a database")
    t.client.delete(f"/databases/{found['id']}/extensions/{extension}", {"confirm": name, "cascade": cascade})
    t.answer({"extension": extension, "enabled": False}, f"Disabled {extension}.")
