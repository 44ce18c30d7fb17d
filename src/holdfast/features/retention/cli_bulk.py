"""`holdfast snapshot bulk`: the same act on many snapshots."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from holdfast.features.backups.cli import app
from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import verb
from holdfast.terminal.snapshots import owner_of


@verb(
    app,
    "bulk",
    """
    holdfast snapshot bulk hold --tag release
    holdfast snapshot bulk tag --add checked --database shop --since 2026-11-01 --apply --confirm 12
    holdfast snapshot bulk forget --search "before migration" --until 2026-01-01
    """,
)
def bulk(
    ctx: typer.Context,
    *,
    act: Annotated[Literal["tag", "untag", "hold", "release", "forget"], typer.Argument(help="What to do.")],
    ids: Annotated[list[str] | None, typer.Option("--id", metavar="SNAPSHOT", help="This one; repeatable.")] = None,
    database: Annotated[str | None, typer.Option("--database", help="Only this database's.")] = None,
    search: Annotated[
        str | None, typer.Option("--search", metavar="TEXT", help="In id, database, tag or imported file.")
    ] = None,
    tags: Annotated[list[str] | None, typer.Option("--tag", help="Has this tag; repeatable, all must hold.")] = None,
    trigger: Annotated[str | None, typer.Option("--why", help="manual, schedule, safety, import...")] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="MOMENT", help="Taken then or later.")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="MOMENT", help="Taken before.")] = None,
    add: Annotated[list[str] | None, typer.Option("--add", help="Of tag and untag: the tag; repeatable.")] = None,
    really: Annotated[bool, typer.Option("--apply", help="Do it; without it only shown.")] = False,
    confirm: Annotated[
        int | None, typer.Option("--confirm", metavar="NUMBER", help="How many the preview named, for scripts.")
    ] = None,
) -> None:
    """Tag, untag, hold, release or forget many snapshots: a preview, and with --apply the act itself.

    Held ones and the only good one of a database are never forgotten; what was forgotten can come back for a while.
    """
    t = terminal(ctx)
    chosen: dict[str, Any] = {"ids": list(ids or ()), "q": search, "tag": list(tags or ()), "since": since}
    chosen |= {"until": until, "trigger": [trigger] if trigger else [], **t.scope()}
    if database:
        chosen["resource_id"] = owner_of(t, database)
    if not any(chosen.values()):
        raise Usage("which snapshots?", hint="say --id, --database, --search, --tag, --why, --since or --until")
    body = {"act": act, "tags": list(add or ()), **{key: value for key, value in chosen.items() if value}}
    report = t.client.post("/snapshots/bulk", body)
    if really:
        number = t.confirm(str(report["done"]), None if confirm is None else str(confirm), f"changes {report['done']}")
        report = t.client.post("/snapshots/bulk", {**body, "dry_run": False, "confirm": int(number)})
    if t.json:
        output.say_json(report)
        return
    t.table(
        report["items"],
        {
            "SNAPSHOT": "snapshot_id",
            "DATABASE": "resource_name",
            "WHAT": lambda item: act if item["done"] else "-",
            "WHY NOT": "reason",
        },
        empty="No snapshot is found.",
    )
    if report["dry_run"] and report["items"]:
        output.note(f"A preview: {report['done']} of {report['found']} would be changed. Add --apply to do it.")
