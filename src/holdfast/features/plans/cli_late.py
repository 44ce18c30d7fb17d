"""`holdfast plan late`, `gaps` and `schedules`: what should be newer, what was too long, what is due."""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast.features.plans.cli import app
from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.noun import verb
from holdfast.terminal.times import spoken


@verb(app, "late", "holdfast plan late --project shop")
def late(ctx: typer.Context) -> None:
    """List the databases that should have a newer snapshot by now."""
    t = terminal(ctx)
    t.table(
        t.client.items(f"/projects/{t.project_of()['id']}/plans/late"),
        {
            "PLAN": "plan_name",
            "DATABASE": "resource_name",
            "REASON": lambda item: item["reason"].replace("_", " "),
            "DUE": lambda item: output.moment_text(item["due_at"]),
            "LAST SUCCESS": lambda item: output.moment_text(item["last_success_at"]),
        },
        empty="Nothing is late.",
    )


@verb(app, "gaps", "holdfast plan gaps --project shop\nholdfast plan gaps --since 2026-01-01")
def gaps(
    ctx: typer.Context,
    since: Annotated[
        str | None, typer.Option("--since", metavar="MOMENT", help="Since then; the last 90 days without it.")
    ] = None,
) -> None:
    """List the times without a snapshot that were longer than the plan allows (--max-gap), newest first."""
    t = terminal(ctx)
    t.table(
        t.client.items(f"/projects/{t.project_of()['id']}/plans/gaps", since=since),
        {
            "PLAN": "plan_name",
            "DATABASE": "resource_name",
            "FROM": lambda item: output.moment_text(item["began"]),
            "TO": lambda item: output.moment_text(item["ended"]),
            "LASTED": lambda item: spoken(item["seconds"]),
            "ALLOWED": lambda item: spoken(item["allowed_seconds"]),
        },
        empty="No gap was longer than its plan allows.",
    )


@verb(app, "schedules", "holdfast plan schedules\nholdfast plan schedules --project shop --count 3")
def schedules(
    ctx: typer.Context,
    count: Annotated[int, typer.Option("--count", min=1, max=20, help="So many next turns of each.")] = 1,
) -> None:
    """List every schedule of every plan with its next turns. What waits once: plan history --state pending."""
    t = terminal(ctx)
    scope = {key: value for key, value in t.scope().items() if key == "project_id"}
    t.table(
        t.client.items("/plan-schedules", count=count, **scope),
        {
            "PLAN": "plan_name",
            "STATE": lambda item: "on" if item["enabled"] else "OFF",
            "SCHEDULE": "schedule",
            "CRON": "cron",
            "ZONE": "tz",
            "NEXT": lambda item: ", ".join(output.moment_text(at) for at in item["next"]) or None,
        },
        empty="No schedules yet. Make a plan with one: holdfast plan create NAME --all --every daily",
    )
