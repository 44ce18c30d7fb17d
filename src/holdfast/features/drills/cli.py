"""`holdfast drill`: rehearse bringing a database back, ask the copy, and time it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.noun import noun, verb
from holdfast.terminal.snapshots import owner_of, snapshot_of
from holdfast.terminal.times import seconds_of, spoken

app = noun(
    "drill",
    "Drills: bring a database back on a scratch server, ask the copy, and time it.",
    """
    holdfast drill run shop
    holdfast drill ask shop "orders are there" "select count(*) from orders" --at-least 1
    holdfast drill aim shop --rto 10m --rpo 24h
    """,
)
Database = Annotated[str, typer.Argument(help="Database, by name or id.")]


@verb(app, "run", "holdfast drill run shop\nholdfast drill run shop --snapshot snap_...")
def run(
    ctx: typer.Context,
    database: Database,
    snapshot: Annotated[
        str | None, typer.Option("--snapshot", metavar="SNAPSHOT", help="Not the newest good one, but this.")
    ] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return the run at once instead of watching it.")] = False,
) -> None:
    """Restore a snapshot on a scratch server, compare, ask, and time it; exits 1 when something does not hold."""
    t = terminal(ctx)
    body = {"snapshot_id": snapshot_of(t, snapshot)["id"]} if snapshot else {}
    made = t.client.post(f"/databases/{t.database(database)['id']}/drills", body)
    if no_wait:
        t.answer(made, f"Started {made['drill']['id']}. Look: holdfast drill show {made['drill']['id']}")
        return
    t.follow(made["run"])
    done = t.client.get(f"/drills/{made['drill']['id']}")
    t.answer(
        done, f"{done['id']} passed: back in {spoken(done['rto_seconds'])}, data {spoken(done['rpo_seconds'])} old"
    )


@verb(app, "list", "holdfast drill list\nholdfast drill list --database shop --state failed")
def list_(
    ctx: typer.Context,
    database: Annotated[str | None, typer.Option("--database", help="Only this database's.")] = None,
    state: Annotated[str | None, typer.Option("--state", help="running, passed, failed or cancelled.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most this many, newest first.")] = 50,
) -> None:
    """List drills, newest first."""
    t = terminal(ctx)
    resource = owner_of(t, database) if database else None
    t.table(
        t.client.items("/drills", limit=limit, resource_id=resource, state=state, **t.scope()),
        {
            "DRILL": "id",
            "DATABASE": "resource_name",
            "WHEN": lambda item: output.moment_text(item["requested_at"]),
            "STATE": "state",
            "BACK IN": lambda item: spoken(item["rto_seconds"]),
            "DATA AGE": lambda item: spoken(item["rpo_seconds"]),
        },
        empty="No drills yet. Rehearse one: holdfast drill run shop",
        right=("BACK IN", "DATA AGE"),
    )


@verb(app, "show", "holdfast drill show drl_...")
def show(ctx: typer.Context, drill: Annotated[str, typer.Argument(metavar="DRILL", help="Id.")]) -> None:
    """Show a drill: what was compared and asked, and how long it took."""
    t = terminal(ctx)
    found = t.client.get(f"/drills/{drill}")
    if t.json:
        output.say_json(found)
        return
    output.record(
        {
            "Drill": found["id"],
            "Database": f"{found['resource_name']}  {found['resource_id']}",
            "Snapshot": found["snapshot_id"],
            "State": found["state"],
            "Asked for": f"{output.moment_text(found['requested_at'])}, by {found['requested_by']}",
            "Back in": _beside(found["rto_seconds"], found["aims"].get("rto_seconds")),
            "Data age": _beside(found["rpo_seconds"], found["aims"].get("rpo_seconds")),
            "Run": found["run_id"] or "-",
        }
    )
    if error := found["error"]:
        output.say(f"Error: {output.visible(str(error.get('message')))}")
    _checks(t, found["checks"])


def _checks(t: Terminal, checks: list[dict[str, Any]]) -> None:
    words = {True: "ok", False: "FAILED", None: "not judged"}
    t.table(
        checks,
        {
            "CHECK": "name",
            "RESULT": lambda check: words[check["ok"]],
            "EXPECTED": lambda check: check.get("expected") or "-",
            "CAME BACK": lambda check: check.get("actual") or check.get("detail") or "-",
        },
        empty="Nothing was compared.",
    )


def _beside(measured: float | None, aim: float | None) -> str:
    return spoken(measured) + (f" (aim: {spoken(aim)})" if aim is not None else "")


@verb(app, "aims", "holdfast drill aims shop")
def aims(ctx: typer.Context, database: Database) -> None:
    """Show what drills of a database ask and aim at."""
    t = terminal(ctx)
    found = t.client.get(_where(t, database))
    if t.json:
        output.say_json(found)
        return
    output.record({"Back in": spoken(found["rto_seconds"]), "Data age": spoken(found["rpo_seconds"])})
    t.table(
        found["checks"],
        {"QUESTION": "name", "EXPECTED": _expected, "STATEMENT": "statement"},
        empty='No questions yet. Add one: holdfast drill ask shop NAME "select count(*) from t" --at-least 1',
    )


@verb(app, "aim", "holdfast drill aim shop --rto 10m --rpo 24h\nholdfast drill aim shop --no-rpo")
def aim(
    ctx: typer.Context,
    database: Database,
    *,
    rto: Annotated[
        int | None, typer.Option("--rto", parser=seconds_of, metavar="10m", help="Back within so long.")
    ] = None,
    rpo: Annotated[
        int | None, typer.Option("--rpo", parser=seconds_of, metavar="24h", help="Data no older than that.")
    ] = None,
    no_rto: Annotated[bool, typer.Option("--no-rto", help="Measure it only.")] = False,
    no_rpo: Annotated[bool, typer.Option("--no-rpo", help="Measure it only.")] = False,
) -> None:
    """Set how long bringing back may take and how old the data may be; a drill beyond it fails."""

    def changed(found: dict[str, Any]) -> None:
        found["rto_seconds"] = None if no_rto else rto if rto is not None else found["rto_seconds"]
        found["rpo_seconds"] = None if no_rpo else rpo if rpo is not None else found["rpo_seconds"]

    t = terminal(ctx)
    kept = _change(t, database, changed)
    t.answer(kept, f"Aims: back in {spoken(kept['rto_seconds'])}, data age {spoken(kept['rpo_seconds'])}.")


@verb(app, "ask", 'holdfast drill ask shop "orders are there" "select count(*) from orders" --at-least 1')
def ask(
    ctx: typer.Context,
    *,
    database: Database,
    name: Annotated[str, typer.Argument(help="What the question is called; one of that name is replaced.")],
    statement: Annotated[str, typer.Argument(help="A reading statement; its first value is judged.")],
    equals: Annotated[str | None, typer.Option("--equals", metavar="VALUE", help="The value must be this.")] = None,
    at_least: Annotated[str | None, typer.Option("--at-least", metavar="N", help="No smaller than that.")] = None,
    at_most: Annotated[str | None, typer.Option("--at-most", metavar="N", help="No bigger than that.")] = None,
) -> None:
    """Add a question that every drill of a database asks the restored copy."""
    question = {"name": name, "statement": statement, "equals": equals, "at_least": at_least, "at_most": at_most}

    def changed(found: dict[str, Any]) -> None:
        kept = [check for check in found["checks"] if check["name"] != name]
        found["checks"] = [*kept, {key: value for key, value in question.items() if value is not None}]

    t = terminal(ctx)
    kept = _change(t, database, changed)
    t.answer(kept, _asks(database, kept))


@verb(app, "unask", 'holdfast drill unask shop "orders are there"')
def unask(
    ctx: typer.Context, database: Database, name: Annotated[str, typer.Argument(help="Name of the question.")]
) -> None:
    """Ask a question no more."""
    t = terminal(ctx)

    def changed(found: dict[str, Any]) -> None:
        kept = [check for check in found["checks"] if check["name"] != name]
        if len(kept) == len(found["checks"]):
            raise typer.BadParameter(f"no question is called {name!r}: holdfast drill aims {database}")
        found["checks"] = kept

    kept = _change(t, database, changed)
    t.answer(kept, _asks(database, kept))


def _asks(database: str, aims: dict[str, Any]) -> str:
    count = len(aims["checks"])
    return f"Drills of {output.visible(database)} ask {count} question{'' if count == 1 else 's'}."


def _where(t: Terminal, database: str) -> str:
    return f"/databases/{t.database(database)['id']}/drill-aims"


def _change(t: Terminal, database: str, change: Any) -> dict[str, Any]:
    where = _where(t, database)
    found = t.client.get(where)
    change(found)
    body = {name: found[name] for name in ("checks", "rto_seconds", "rpo_seconds")}
    kept: dict[str, Any] = t.client.put(where, body, found["version"])
    return kept


def _expected(check: dict[str, Any]) -> str:
    words = {"equals": "", "at_least": "at least ", "at_most": "at most "}
    return next((f"{word}{check[kind]}" for kind, word in words.items() if kind in check), "-")
