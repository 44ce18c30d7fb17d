"""`holdfast snapshot hold`, `unhold`, `tag`, `undelete`: what retention must leave alone."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from holdfast.features.backups.cli import Snapshot, app
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import verb
from holdfast.terminal.snapshots import snapshot_of


@verb(app, "hold", "holdfast snapshot hold latest:shop")
def hold(ctx: typer.Context, snapshot: Snapshot) -> None:
    """Hold a snapshot: nobody and no policy deletes it."""
    t = terminal(ctx)
    changed = _change(t, snapshot, {"hold": True})
    t.answer(changed, f"{changed['id']} is held: nothing deletes it until it is released.")


@verb(app, "unhold", "holdfast snapshot unhold snap_...")
def unhold(ctx: typer.Context, snapshot: Snapshot) -> None:
    """Release a held snapshot."""
    t = terminal(ctx)
    changed = _change(t, snapshot, {"hold": False})
    t.answer(changed, f"{changed['id']} is no longer held.")


@verb(app, "tag", "holdfast snapshot tag latest:shop --add release --remove nightly")
def tag(
    ctx: typer.Context,
    *,
    snapshot: Snapshot,
    add: Annotated[list[str] | None, typer.Option("--add", help="A tag; may be given again.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", help="A tag; may be given again.")] = None,
) -> None:
    """Add and remove tags; a retention policy may keep what has one."""
    t = terminal(ctx)
    if not add and not remove:
        raise Usage("which tag?", hint="say --add TAG or --remove TAG")
    found = snapshot_of(t, snapshot)
    kept = [each for each in found["tags"] if each not in (remove or ())]
    changed = _change(t, found["id"], {"tags": list(dict.fromkeys([*kept, *(add or ())]))})
    words = ", ".join(output.visible(each) for each in changed["tags"]) or "no tags"
    t.answer(changed, f"{changed['id']} has {words}.")


@verb(app, "undelete", "holdfast snapshot undelete snap_...")
def undelete(
    ctx: typer.Context, snapshot: Annotated[str, typer.Argument(metavar="SNAPSHOT", help="Its id.", show_default=False)]
) -> None:
    """Bring back a snapshot that retention forgot, until its grace is over."""
    t = terminal(ctx)
    back = t.client.post(f"/snapshots/{snapshot_of(t, snapshot)['id']}/undelete", {})
    t.answer(back, f"{back['id']} is back.")


def _change(t: Terminal, snapshot: str, changes: dict[str, Any]) -> dict[str, Any]:
    found = snapshot_of(t, snapshot)
    return dict(t.client.patch(f"/snapshots/{found['id']}", changes, found["version"]))
