"""`holdfast db upgrade` and `db take-back`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from holdfast.features.databases.cli import Name, NoWait, app
from holdfast.kernel.errors import NotFound
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.noun import verb

Confirm = Annotated[str | None, typer.Option("--confirm", metavar="NAME", help="The name again, for scripts.")]


@verb(app, "upgrade", "holdfast db upgrade shop --to 18 --rehearse\nholdfast db upgrade shop --to 18 --confirm shop")
def upgrade(
    ctx: typer.Context,
    *,
    database: Name,
    to: Annotated[str, typer.Option("--to", metavar="VERSION", help="Major version.")],
    rehearse: Annotated[bool, typer.Option("--rehearse", help="Try it on a copy; nothing changes.")] = False,
    confirm: Confirm = None,
    no_wait: NoWait = False,
) -> None:
    """Move a database to another major version: rehearsed on a copy first, then switched."""
    t = terminal(ctx)
    found = t.database(database)
    name = "" if rehearse else t.confirm(found["name"], confirm, "moves a database to another server")
    body = {"version": to, "rehearse": rehearse, "confirm": name}
    _told(t, t.client.post(f"/databases/{found['id']}/upgrades", body), no_wait)


@verb(app, "take-back", "holdfast db take-back shop --confirm shop")
def take_back(ctx: typer.Context, database: Name, confirm: Confirm = None, no_wait: NoWait = False) -> None:
    """Take the last upgrade back: the old server with its old state. What was written since goes."""
    t = terminal(ctx)
    found = t.database(database)
    kept = [each for each in t.client.items(f"/databases/{found['id']}/upgrades") if each["kept_until"]]
    if not kept:
        raise NotFound("there is no upgrade that can be taken back", hint="Its grace may be over: see the snapshots.")
    name = t.confirm(found["name"], confirm, "throws away what was written since the upgrade")
    _told(t, t.client.post(f"/upgrades/{kept[0]['id']}/take-back", {"confirm": name}), no_wait)


def _told(t: Terminal, made: dict[str, Any], no_wait: bool) -> None:
    if no_wait:
        t.answer(made, f"{made['run']['id']}\nWatch it: holdfast run watch {made['run']['id']}")
        return
    result = t.follow(made["run"]).get("result") or {}
    report = result.get("report") or {}
    lines = [f"{str(result.get('state', 'done')).capitalize()}: {made['upgrade']['from_version']} to "
             f"{made['upgrade']['to_version']}."]  # fmt: skip
    if "outage_seconds" in report:
        lines.append(f"Nobody reached it for {report['outage_seconds']} s.")
    elif "outage_seconds_expected" in report:
        lines.append(f"The switch will keep everybody out for about {report['outage_seconds_expected']} s.")
    lines += [output.visible(str(each)) for each in report.get("left_behind", ())]
    t.answer(result, "\n".join(lines))
