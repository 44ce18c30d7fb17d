"""`holdfast db clone`: a new database that is what another one was at a moment."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from holdfast.features.databases.cli import Name, NoWait, app
from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.noun import verb
from holdfast.terminal.snapshots import snapshot_of


@verb(
    app,
    "clone",
    """
    holdfast db clone shop shop-copy
    holdfast db clone shop shop-copy --from-snapshot latest:shop
    holdfast db clone shop shop-test --env staging --masking no-names
    """,
)
def clone(
    ctx: typer.Context,
    *,
    database: Name,
    new: Annotated[str, typer.Argument(metavar="NEW", help="Name of the clone.")],
    snapshot: Annotated[
        str | None, typer.Option("--from-snapshot", metavar="ID", help="As it was then: a snapshot, or latest:NAME.")
    ] = None,
    masking: Annotated[
        str | None, typer.Option("--masking", metavar="PROFILE", help="Mask the clone before anyone sees it.")
    ] = None,
    no_wait: NoWait = False,
) -> None:
    """Clone a database into a new one, from what it is now or from a snapshot of it."""
    t = terminal(ctx)
    body: dict[str, Any] = {"name": new} | ({"masking": masking} if masking else {})
    if t.environment:  # where the clone goes; the source is looked for in all of them
        body["environment_id"] = t.environment_of()["id"]
        t.environment = None
    if snapshot is not None:
        taken = snapshot_of(t, snapshot)
        made = t.client.post(f"/snapshots/{taken['id']}/restore", {"mode": "new", **body})
    else:
        made = t.client.post(f"/databases/{t.database(database)['id']}/clone", body)
    run = t.follow(made["run"], wait=not no_wait)
    if no_wait:
        t.answer(made, f"{run['id']}\nWatch it: holdfast run watch {run['id']}")
        return
    found = t.client.get(f"/databases/{made['resource']['id']}")
    t.answer(
        {"resource": found, "run": run}, f"Cloned {output.visible(database)} into {output.visible(new)}, verified."
    )
