"""`holdfast plan history`, `turn` and `cancel`: what plans did and are about to do."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from holdfast.features.plans.cli import app, find
from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.noun import verb

TurnId = Annotated[str, typer.Argument(metavar="TURN", help="Id of the turn.", show_default=False)]


@verb(
    app,
    "history",
    "holdfast plan history shop-nightly --state failed\nholdfast plan history --state pending\n"
    "holdfast plan history shop-nightly --format csv > history.csv",
)
def history(
    ctx: typer.Context,
    plan: Annotated[str | None, typer.Argument(metavar="[PLAN]", help="Name or id; without: every plan.")] = None,
    state: Annotated[
        str | None,
        typer.Option("--state", help="pending, running, succeeded, partial, failed, cancelled or skipped."),
    ] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="MOMENT", help="Due then or later.")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="MOMENT", help="Due before.")] = None,
    format_: Annotated[str | None, typer.Option("--format", help="A file on stdout: csv or json.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most this many, newest first.")] = 50,
) -> None:
    """List the turns plans took, newest first: why each ran, when it was due, who asked, what became of it."""
    t = terminal(ctx)
    wanted: dict[str, Any] = {"state": state, "since": since, "until": until}
    wanted |= {key: value for key, value in t.scope().items() if key == "project_id"}
    if plan:
        wanted["plan_id"] = find(t, plan)["id"]
    if format_:
        for piece in t.client.content("/plan-turns/export", format=format_, **wanted):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    names: dict[str, Any] = {} if plan else {each["id"]: each["name"] for each in t.client.items("/plans")}
    t.table(
        t.client.items("/plan-turns", limit=limit, **wanted),
        {
            "TURN": "id",
            **({} if plan else {"PLAN": lambda item: names.get(item["plan_id"], item["plan_id"])}),
            "STATE": "state",
            "DUE": lambda item: output.moment_text(item["due_at"]),
            "WHY": lambda item: item["schedule"] or item["trigger"],
            "SNAPSHOTS": lambda item: f"{item['succeeded']} of {item['total']}" if item["ended_at"] else None,
            "BY": "actor",
            "REASON": lambda item: (item["reason"] or {}).get("message"),
        },
        empty="Nothing yet. Carry a plan out: holdfast plan run NAME",
    )


@verb(app, "turn", "holdfast plan turn turn_...")
def turn_(ctx: typer.Context, turn: TurnId) -> None:
    """Show a turn: what became of each of its databases."""
    t = terminal(ctx)
    found = t.client.get(f"/plan-turns/{turn}")
    members = list(t.client.items(f"/plan-turns/{turn}/members"))
    if t.json:
        output.say_json(found | {"members": members})
        return
    output.record(
        {
            "State": found["state"],
            "Due": output.moment_text(found["due_at"]),
            "Requested": f"{output.moment_text(found['requested_at'])}, by {found['actor']}",
            "Ended": output.moment_text(found["ended_at"]),
            "Reason": (found["reason"] or {}).get("message") or "-",
        }
    )
    t.table(
        members,
        {
            "DATABASE": "resource_name",
            "STATE": "state",
            "SNAPSHOT": "snapshot_id",
            "RUN": "run_id",
            "REASON": lambda item: (item["reason"] or {}).get("message"),
        },
        empty="No database yet.",
    )


@verb(app, "cancel", "holdfast plan cancel turn_...")
def cancel(ctx: typer.Context, turn: TurnId) -> None:
    """Let a one-off that waits never begin, or stop a turn at work."""
    t = terminal(ctx)
    found = t.client.post(f"/plan-turns/{turn}/cancel", {})
    said = "is cancelled" if found["state"] == "cancelled" else "stops"
    t.answer(found, f"{found['id']} {said if found['state'] in ('cancelled', 'running') else 'had ended'}.")
