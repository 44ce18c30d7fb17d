"""`holdfast move`: a database's content into another engine."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from holdfast.terminal import output
from holdfast.terminal.context import Terminal, key_values, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import noun, verb

app = noun(
    "move",
    "Moves: a database's content into another engine.",
    """
    holdfast move create shop postgresql shop-pg
    holdfast move show mov_...
    """,
)
MoveId = Annotated[str, typer.Argument(metavar="MOVE", help="Its id.", show_default=False)]


@verb(
    app,
    "create",
    """
    holdfast move create shop postgresql shop-pg
    holdfast move create shop postgresql shop-pg --set version=18 --plan-only
    holdfast move create shop postgresql shop-pg --accept-losses
    """,
)
def create(
    ctx: typer.Context,
    *,
    database: Annotated[str, typer.Argument(help="Name or id.", show_default=False)],
    engine: Annotated[str, typer.Argument(help="The engine to move to.", show_default=False)],
    name: Annotated[str, typer.Argument(help="The new database's name.", show_default=False)],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of the new database; repeatable.")
    ] = None,
    plan_only: Annotated[bool, typer.Option("--plan-only", help="Say what would be lost, and stop.")] = False,
    accept: Annotated[bool, typer.Option("--accept-losses", help="Accept every loss without asking.")] = False,
) -> None:
    """Copy a database into another engine: plan, show every loss, ask, copy, compare. The database itself stays."""
    t = terminal(ctx)
    body = {"engine": engine, "name": name, "spec": key_values(settings or [], "--set")}
    made = t.client.post(f"/databases/{t.database(database)['id']}/moves", body)
    t.follow(made["run"])
    move = t.client.get(f"/moves/{made['move']['id']}")
    if plan_only:
        if t.json:
            output.say_json(move)
        else:
            _plan(move)
            output.say(f"\nStart it: holdfast move start {move['id']}")
        return
    _start(t, move, accept)


@verb(app, "start", "holdfast move start mov_...\nholdfast move start mov_... --accept-losses")
def start(
    ctx: typer.Context,
    *,
    move: MoveId,
    accept: Annotated[bool, typer.Option("--accept-losses", help="Accept every loss without asking.")] = False,
) -> None:
    """Start a planned move."""
    t = terminal(ctx)
    _start(t, t.client.get(f"/moves/{move}"), accept)


@verb(app, "list", "holdfast move list")
def list_(ctx: typer.Context) -> None:
    """List moves, newest first."""
    t = terminal(ctx)
    scope = {key: value for key, value in t.scope().items() if key == "project_id"}
    t.table(
        t.client.items("/moves", **scope),
        {
            "NEW NAME": "name",
            "ENGINE": "engine",
            "STATE": "state",
            "TABLES": lambda item: str(len(item["tables"])),
            "LOSSES": lambda item: str(len(item["losses"])),
            "CREATED": lambda item: output.moment_text(item["created_at"]),
            "ID": "id",
        },
        empty="No moves yet. Plan one: holdfast move create shop postgresql shop-pg",
        right=("TABLES", "LOSSES"),
    )


@verb(app, "show", "holdfast move show mov_...")
def show(ctx: typer.Context, move: MoveId) -> None:
    """Show a move: its tables, its losses, how it ended."""
    t = terminal(ctx)
    found = t.client.get(f"/moves/{move}")
    if t.json:
        output.say_json(found)
        return
    error = found["error"] or {}
    output.record(
        {
            "Move": found["id"],
            "To": f"{found['name']} ({found['engine']})",
            "State": found["state"] + (f": {error['message']}" if error.get("message") else ""),
            "Created": output.moment_text(found["created_at"]),
            "Finished": output.moment_text(found["finished_at"]),
        }
    )
    output.say()
    _plan(found)


@verb(app, "remove", "holdfast move remove mov_...")
def remove(ctx: typer.Context, move: MoveId) -> None:
    """Forget a plan, or a move that ended. Databases stay."""
    t = terminal(ctx)
    t.client.delete(f"/moves/{move}")
    t.answer({"deleted": move}, f"Forgot {move}.")


def _start(t: Terminal, move: Mapping[str, Any], accept: bool) -> None:
    if move["losses"] and not accept:
        if t.json or not sys.stdin.isatty():
            raise Usage(
                f"this move has {len(move['losses'])} losses: they must be accepted",
                hint=f"read them (holdfast move show {move['id']}), then: "
                f"holdfast move start {move['id']} --accept-losses",
            )
        _plan(move)
        output.say()
        if not typer.confirm("Accept all of this and copy", err=True):
            raise Usage("nothing was copied", hint=f"The plan is kept: holdfast move start {move['id']}")
    made = t.client.post(f"/moves/{move['id']}/start", {"accept": move["fingerprint"]})
    t.follow(made["run"])
    done = t.client.get(f"/moves/{move['id']}")
    receipt = done["receipt"]
    count = len(receipt["tables"])
    tables = "1 table" if count == 1 else f"{count:,} tables"
    text = f"Moved {receipt['rows']:,} rows in {tables} into {output.visible(done['name'])}"
    t.answer(done, text + ", every row compared. The database it came from stays as it was.")


def _plan(move: Mapping[str, Any]) -> None:
    tables = (move["receipt"] or move)["tables"]
    shown = [[each["name"], each["becomes"], "-" if each["rows"] is None else f"{each['rows']:,}"] for each in tables]
    output.table(
        ["TABLE", "BECOMES", "ROWS"], [[output.visible(cell) for cell in row] for row in shown], right=("ROWS",)
    )
    if not move["losses"]:
        output.say("\nNothing is lost.")
        return
    for what, title in (("dropped", "Not moved"), ("changed", "Changed"), ("renamed", "Renamed")):
        found = [loss for loss in move["losses"] if loss["what"] == what]
        if found:
            output.say(f"\n{title} ({len(found)}):")
        for loss in found:
            output.say(f"  {output.visible(loss['where'])}: {output.visible(loss['text'])}")
