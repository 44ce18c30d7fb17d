"""`holdfast migration`: versioned changes of a database's structure."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.features.migrations.files import read_folder
from holdfast.kernel.errors import Conflict
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import noun, verb

app = noun(
    "migration",
    "Migrations: versioned changes of a database's structure.",
    """
    holdfast migration new add-orders
    holdfast migration apply shop --dir migrations
    holdfast migration rollback shop --steps 1
    """,
)
Database = Annotated[str, typer.Argument(help="Database, by name or id.")]
Folder = Annotated[Path | None, typer.Option("--dir", help="Folder of 0001_name.up.sql files to upload first.")]
To = Annotated[int | None, typer.Option("--to", min=0, help="Up to and with this number.", metavar="NUMBER")]
Confirm = Annotated[str | None, typer.Option("--confirm", metavar="NAME", help="The database's name, for scripts.")]
NoSnapshot = Annotated[bool, typer.Option("--no-snapshot", help="Take no snapshot first.")]
Lock = Annotated[float, typer.Option("--lock-seconds", min=0.001, max=3600, help="How long to wait for a lock.")]
OutOfOrder = Annotated[bool, typer.Option("--out-of-order", help="Also those numbered below the last one applied.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Return the run at once instead of watching it.")]


@verb(app, "new", "holdfast migration new add-orders\nholdfast migration new add-orders --dir db/migrations")
def new(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="What it does, in a few words.")],
    folder: Annotated[Path, typer.Option("--dir", help="Folder to write them to.")] = Path("migrations"),
) -> None:
    """Write two empty files, up and down, with the next number. Nothing is uploaded."""
    t = terminal(ctx)
    words = re.sub(r"[^\w.-]+", "-", name).strip("-.")
    if not words:
        raise Usage("a name needs a letter or a digit")
    numbers = [each.number for each in read_folder(folder)] if folder.is_dir() and any(folder.glob("*.sql")) else []
    number = max(numbers, default=0) + 1
    folder.mkdir(parents=True, exist_ok=True)
    made = [folder / f"{number:04d}_{words}.{way}.sql" for way in ("up", "down")]
    for path in made:
        with path.open("x", encoding="utf-8"):
            pass
    t.answer({"files": [str(path) for path in made]}, "Wrote " + " and ".join(str(path) for path in made) + ".")


@verb(app, "status", "holdfast migration status shop")
def status(ctx: typer.Context, database: Database) -> None:
    """Show what is applied and what is pending, by the database's own ledger."""
    t = terminal(ctx)
    found = t.client.get(f"/databases/{t.database(database)['id']}/migrations/status")
    if t.json:
        output.say_json(found)
        return
    t.table(
        found["migrations"],
        {
            "NUMBER": "number",
            "NAME": "name",
            "STATE": _state,
            "APPLIED": lambda item: output.moment_text(item["applied_at"]) if item["applied_at"] else "-",
            "BY": "applied_by",
            "WAY BACK": lambda item: "yes" if item["reversible"] else "no",
        },
        empty="No migrations yet. Write one: holdfast migration new add-orders",
        right=("NUMBER",),
    )


@verb(
    app,
    "apply",
    "holdfast migration apply shop --dir migrations\nholdfast migration apply shop --to 12 --lock-seconds 2",
)
def apply(
    ctx: typer.Context,
    *,
    database: Database,
    folder: Folder = None,
    to: To = None,
    no_snapshot: NoSnapshot = False,
    confirm: Confirm = None,
    lock_seconds: Lock = 10.0,
    out_of_order: OutOfOrder = False,
    no_wait: NoWait = False,
) -> None:
    """Upload a folder's migrations and apply what is pending, after a snapshot."""
    t = terminal(ctx)
    found = t.database(database)
    _upload(t, found, folder)
    body = {
        "to": to,
        "snapshot": not no_snapshot,
        "confirm": _production(t, found, confirm, "changes a production database"),
        "lock_seconds": lock_seconds,
        "out_of_order": out_of_order,
    }
    run = _start(t, found, "apply", body, no_wait)
    if run is not None:
        done = (run.get("result") or {}).get("applied", [])
        t.answer(run, f"Applied {_numbers(done)} to {output.visible(found['name'])}." if not no_wait else run["id"])


@verb(app, "rollback", "holdfast migration rollback shop --steps 2\nholdfast migration rollback shop --to 7")
def rollback(
    ctx: typer.Context,
    *,
    database: Database,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="How many, newest first.")] = None,
    to: Annotated[int | None, typer.Option("--to", min=0, help="Everything above this number.")] = None,
    no_snapshot: NoSnapshot = False,
    confirm: Confirm = None,
    lock_seconds: Lock = 10.0,
    no_wait: NoWait = False,
) -> None:
    """Take migrations back by their own way down, after a snapshot."""
    t = terminal(ctx)
    found = t.database(database)
    if steps is None and to is None:
        steps = 1
    name = t.confirm(found["name"], confirm, "takes migrations back, and what they brought with them")
    body = {"steps": steps, "to": to, "snapshot": not no_snapshot, "confirm": name, "lock_seconds": lock_seconds}
    run = _start(t, found, "rollback", body, no_wait)
    if run is not None:
        done = (run.get("result") or {}).get("rolled_back", [])
        t.answer(run, f"Rolled {_numbers(done)} back." if not no_wait else run["id"])


@verb(app, "dry-run", "holdfast migration dry-run shop --dir migrations\nholdfast migration dry-run shop --on-clone")
def dry_run(
    ctx: typer.Context,
    *,
    database: Database,
    folder: Folder = None,
    to: To = None,
    on_clone: Annotated[bool, typer.Option("--on-clone", help="On a copy that is thrown away: nobody waits.")] = False,
    lock_seconds: Lock = 10.0,
    out_of_order: OutOfOrder = False,
) -> None:
    """Try what is pending and keep nothing; show how long it takes and what it locks."""
    t = terminal(ctx)
    found = t.database(database)
    _upload(t, found, folder)
    body = {"to": to, "on_clone": on_clone, "lock_seconds": lock_seconds, "out_of_order": out_of_order}
    run = _start(t, found, "rehearse", body, False)
    if run is None:
        return
    if t.json:
        output.say_json(run)
        return
    t.table(
        run["result"]["rehearsed"],
        {
            "NUMBER": "number",
            "NAME": "name",
            "TOOK": lambda item: output.seconds_text(item["seconds"]),
            "STATEMENTS": "statements",
            "LOCKS": lambda item: "; ".join(item["locks"]) or "-",
        },
        empty="Nothing was tried.",
        right=("NUMBER", "STATEMENTS"),
    )


@verb(app, "history", "holdfast migration history shop")
def history(
    ctx: typer.Context,
    database: Database,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most this many, newest first.")] = None,
) -> None:
    """Show what was applied and rolled back, by whom, and how it ended."""
    t = terminal(ctx)
    t.table(
        t.client.items(f"/databases/{t.database(database)['id']}/migrations/history", limit=limit),
        {
            "AT": lambda item: output.moment_text(item["at"]),
            "NUMBER": "number",
            "NAME": "name",
            "WAY": "direction",
            "ENDED": lambda item: item["outcome"] + (f": {item['error']['message']}" if item["error"] else ""),
            "TOOK": lambda item: output.seconds_text(item["seconds"]),
            "BY": "actor",
            "RUN": "run_id",
        },
        empty="Nothing was applied yet.",
        right=("NUMBER",),
    )


@verb(app, "drift", "holdfast migration drift shop")
def drift(ctx: typer.Context, database: Database) -> None:
    """Show how the structure differs from what the last migration left; exit code 5 when it does."""
    t = terminal(ctx)
    found = t.client.get(f"/databases/{t.database(database)['id']}/migrations/drift")
    changes = found["differences"]
    if t.json:
        output.say_json(found)
    else:
        t.table(
            changes,
            {"WHAT": "what", "NAME": "name", "CHANGE": "change", "BEFORE": "before", "NOW": "now"},
            empty="No difference since " + output.moment_text(found["since"]) + ".",
        )
    if changes:
        raise typer.Exit(5)


@verb(app, "baseline", "holdfast migration baseline shop --dir migrations --to 12\nholdfast migration baseline shop")
def baseline(
    ctx: typer.Context, *, database: Database, folder: Folder = None, to: To = None, confirm: Confirm = None
) -> None:
    """Take an existing database as it is: migrations up to a number count as applied, without being run."""
    t = terminal(ctx)
    found = t.database(database)
    _upload(t, found, folder)
    name = _production(t, found, confirm, "changes what a production database remembers")
    run = _start(t, found, "baseline", {"to": to, "confirm": name}, False)
    if run is not None:
        done = (run.get("result") or {}).get("baseline", [])
        t.answer(run, f"Took {_numbers(done)} as applied; drift is measured from now.")


def _upload(t: Terminal, database: dict[str, Any], folder: Path | None) -> None:
    """What is new in the folder; the server refuses another text of what is applied."""
    if folder is None:
        return
    path = f"/databases/{database['id']}/migrations"
    there = {item["number"]: item for item in t.client.items(path)}
    for each in read_folder(folder):
        known = there.get(each.number)
        if known is None or (known["name"], known["up"], known["down"]) != (each.name, each.up, each.down):
            t.client.post(path, {"number": each.number, "name": each.name, "up": each.up, "down": each.down})


def _start(
    t: Terminal, database: dict[str, Any], verb_: str, body: dict[str, Any], no_wait: bool
) -> dict[str, Any] | None:
    """The run, ended unless `no_wait`; None when nothing was pending, which is no failure."""
    try:
        made = t.client.post(f"/databases/{database['id']}/migrations/{verb_}", body)
    except Conflict as error:
        if error.code != "nothing_pending":
            raise
        t.answer({"run": None, "pending": 0}, "Nothing is pending.")
        return None
    return t.follow(made["run"], wait=not no_wait)


def _production(t: Terminal, database: dict[str, Any], confirm: str | None, what: str) -> str | None:
    """The name typed where the environment is production."""
    environment = t.client.get(f"/environments/{database['environment_id']}")
    if environment["kind"] != "production":
        return confirm
    return t.confirm(database["name"], confirm, what)


def _state(item: dict[str, Any]) -> str:
    if item["state"] == "partial":
        return f"partial, {item['done']} statements ran"
    return f"{item['state']}, out of order" if item["out_of_order"] else str(item["state"])


def _numbers(numbers: list[int]) -> str:
    if not numbers:
        return "nothing"
    named = ", ".join(map(str, numbers[:10])) + (" ..." if len(numbers) > 10 else "")
    return f"{'migration' if len(numbers) == 1 else 'migrations'} {named}"
