"""`holdfast run`: every piece of work."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.noun import noun, verb
from holdfast.terminal.progress import follow, progress_text

app = noun("run", "Runs: every piece of work, its progress and log.", "holdfast run list\nholdfast run watch run_...")
RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of the run.", show_default=False)]


@verb(
    app,
    "list",
    """
    holdfast run list --state failed --limit 20
    holdfast run list --database shop --since 2026-11-01 --format csv > runs.csv
    """,
)
def list_(
    ctx: typer.Context,
    state: Annotated[
        str | None, typer.Option("--state", help="queued, running, succeeded, failed or cancelled.")
    ] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="For example snapshot.create.")] = None,
    database: Annotated[str | None, typer.Option("--database", help="Only this database's.")] = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="ACTOR", help="Only what this user or key asked for.")
    ] = None,
    trigger: Annotated[str | None, typer.Option("--trigger", help="manual, schedule and others.")] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="MOMENT", help="Asked for then or later.")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="MOMENT", help="Asked for before.")] = None,
    format_: Annotated[
        str | None, typer.Option("--format", help="All of them as a file on stdout: csv or json.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most this many, newest first.")] = 50,
) -> None:
    """List runs, newest first."""
    t = terminal(ctx)
    resource = t.database(database)["id"] if database else None
    wanted = {"state": state, "kind": kind, "resource_id": resource, "by": by, "trigger": trigger}
    wanted |= {"since": since, "until": until, **t.scope()}
    if format_:
        for piece in t.client.content("/runs/export", format=format_, **wanted):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    t.table(
        t.client.items("/runs", limit=limit, **wanted),
        {
            "RUN": "id",
            "KIND": "kind",
            "STATE": "state",
            "REQUESTED": lambda item: output.moment_text(item.get("requested_at")),
            "TOOK": _took,
            "BY": "actor",
        },
        empty="No runs yet.",
        right=("TOOK",),
    )


@verb(app, "show", "holdfast run show run_...")
def show(ctx: typer.Context, run: RunId) -> None:
    """Show a run: state, progress, result or error, and its log."""
    t = terminal(ctx)
    found = t.client.get(f"/runs/{run}")
    logs = list(t.client.items(f"/runs/{run}/logs"))
    if t.json:
        output.say_json(found | {"logs": logs})
        return
    output.record(
        {
            "Run": found["id"],
            "Kind": found["kind"],
            "State": found["state"],
            "By": found.get("actor"),
            "Why": found.get("trigger"),
            "Requested": output.moment_text(found.get("requested_at")),
            "Scheduled": output.moment_text(found.get("scheduled_at")),
            "Started": output.moment_text(found.get("started_at")),
            "Ended": output.moment_text(found.get("finished_at")),
            "Took": _took(found) or "-",
            "Parameters": found.get("input") or "-",
            "Correlation": found.get("correlation_id") or "-",
        }
    )
    if found.get("progress") and found["state"] == "running":
        output.say(f"Progress: {progress_text(found['progress'])}")
    if found.get("result"):
        output.record({"Result": found["result"]})
    if error := found.get("error"):
        output.say(f"Error: {output.visible(str(error.get('message')))}")
        if error.get("hint"):
            output.say(f"Hint: {output.visible(str(error['hint']))}")
    for line in logs:
        output.say(
            f"{output.moment_text(line.get('at'))} {line.get('level', '')} {output.visible(str(line.get('message')))}"
        )


@verb(app, "watch", "holdfast run watch run_...")
def watch(ctx: typer.Context, run: RunId) -> None:
    """Watch a run until it ends; exits 1 when it fails. Ctrl-C stops watching, not the run."""
    t = terminal(ctx)
    ended = follow(t.client, t.client.get(f"/runs/{run}")["id"], quiet=t.json)
    t.answer(ended, f"{ended['kind']} {ended['state']} in {_took(ended) or '-'}")


@verb(app, "cancel", "holdfast run cancel run_...")
def cancel(
    ctx: typer.Context,
    run: RunId,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait until it has stopped.")] = False,
) -> None:
    """Ask a run to stop; everything it began is undone."""
    t = terminal(ctx)
    asked = t.client.post(f"/runs/{run}/cancel", {})
    ended = asked if no_wait else t.client.wait(run)
    t.answer(ended, f"{ended['kind']} {ended['state']}")


def _took(run: dict[str, Any]) -> str | None:
    from datetime import datetime

    if not run.get("started_at") or not run.get("finished_at"):
        return None
    return output.seconds_text(
        (datetime.fromisoformat(run["finished_at"]) - datetime.fromisoformat(run["started_at"])).total_seconds()
    )
