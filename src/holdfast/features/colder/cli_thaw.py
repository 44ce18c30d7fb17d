"""`holdfast snapshot thaw`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from holdfast.features.backups.cli import Snapshot, app
from holdfast.terminal.context import terminal
from holdfast.terminal.noun import verb
from holdfast.terminal.snapshots import snapshot_of


@verb(
    app,
    "thaw",
    "holdfast snapshot thaw snap_123\nholdfast snapshot thaw latest:shop --days 3 --tier Bulk",
)
def thaw(
    ctx: typer.Context,
    snapshot: Snapshot,
    *,
    days: Annotated[int, typer.Option("--days", min=1, max=365, help="For how long it can be read.")] = 7,
    tier: Annotated[
        Literal["Standard", "Bulk", "Expedited"], typer.Option("--tier", help="How fast, and how dear.")
    ] = "Standard",
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return the run at once instead of watching it.")] = False,
) -> None:
    """Ask the store for a snapshot that lies in an archive; again: is it there? It can be restored some hours later."""
    t = terminal(ctx)
    found = snapshot_of(t, snapshot)
    made = t.client.post(f"/snapshots/{found['id']}/thaw", {"days": days, "tier": tier})
    if no_wait:
        t.answer(made, f"{made['run']['id']}\nWatch it: holdfast run watch {made['run']['id']}")
        return
    run = t.follow(made["run"])
    result = run.get("result") or {}
    if result.get("readable"):
        t.answer(run, f"{found['id']} can be read.")
    else:
        t.answer(run, f"{found['id']} was asked for: it can be read after {result.get('expected')}.")
