"""`holdfast db upgrade` and `db take-back`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from holdfast.features.databases.cli import Name, NoWait, app
from holdfast.kernel.errors import NotFound
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import Confirmed, verb


@verb(
    app,
    "upgrade",
    """
    holdfast db upgrade shop --to 18 --rehearse
    holdfast db upgrade shop --to 18 --confirm shop
    holdfast db upgrade shop --minor
    """,
)
def upgrade(
    ctx: typer.Context,
    *,
    database: Name,
    to: Annotated[str | None, typer.Option("--to", metavar="VERSION", help="Major version.")] = None,
    minor: Annotated[bool, typer.Option("--minor", help="The newest build of the version it has.")] = False,
    rehearse: Annotated[bool, typer.Option("--rehearse", help="Try it on a copy; nothing changes.")] = False,
    confirm: Confirmed = None,
    no_wait: NoWait = False,
) -> None:
    """Move a database to another major version: rehearsed on a copy first, then switched.

    With --minor it is restarted on the newest build of its own version; the data stay where they are.
    """
    if (to is None) != minor:
        raise Usage("say --to VERSION, or --minor", hint="holdfast db upgrade --help")
    t = terminal(ctx)
    found = t.database(database)
    what = "restarts a database on a newer build" if minor else "moves a database to another server"
    name = "" if rehearse else t.confirm(found["name"], confirm, what)
    body = {"version": found["spec"].get("version", "") if minor else to, "rehearse": rehearse, "confirm": name}
    _told(t, t.client.post(f"/databases/{found['id']}/upgrades", body), no_wait)


@verb(app, "take-back", "holdfast db take-back shop --confirm shop")
def take_back(
    ctx: typer.Context,
    *,
    database: Name,
    snapshot: Annotated[
        bool, typer.Option("--snapshot/--no-snapshot", help="Save what was written since; without, it is lost.")
    ] = True,
    confirm: Confirmed = None,
    no_wait: NoWait = False,
) -> None:
    """Take the last upgrade back: the old server with its old state. What was written since is in a last snapshot."""
    t = terminal(ctx)
    found = t.database(database)
    kept = [each for each in t.client.items(f"/databases/{found['id']}/upgrades") if each["kept_until"]]
    if not kept:
        raise NotFound("there is no upgrade that can be taken back", hint="Its grace may be over: see the snapshots.")
    goes = "leaves what was written since the upgrade in a snapshot alone"
    if kept[0]["from_version"] == kept[0]["to_version"]:
        snapshot, goes = True, "restarts a database on the build before"
    name = t.confirm(found["name"], confirm, goes if snapshot else "throws away what was written since the upgrade")
    body = {"confirm": name, "snapshot": snapshot}
    _told(t, t.client.post(f"/upgrades/{kept[0]['id']}/take-back", body), no_wait)


def _told(t: Terminal, made: dict[str, Any], no_wait: bool) -> None:
    if no_wait:
        t.answer(made, f"{made['run']['id']}\nWatch it: holdfast run watch {made['run']['id']}")
        return
    result = t.follow(made["run"]).get("result") or {}
    report = result.get("report") or {}
    before, after = made["upgrade"]["from_version"], made["upgrade"]["to_version"]
    before, after = report.get("from_build", before), report.get("to_build", after)
    lines = [f"{str(result.get('state', 'done')).capitalize()}: {before} to {after}."]
    if "from_build" in report and result.get("state") == "taken back":
        lines = [f"{before} serves again, with everything that was written."]
    if report.get("taken_back_snapshot_id"):
        saved = report["taken_back_snapshot_id"]
        lines.append(f"What was written since is in {saved}: holdfast snapshot restore {saved} --as NAME")
    elif "outage_seconds" in report:
        lines.append(f"Nobody reached it for {report['outage_seconds']} s.")
    elif "outage_seconds_expected" in report:
        lines.append(f"The switch will keep everybody out for about {report['outage_seconds_expected']} s.")
    lines += [output.visible(str(each)) for each in report.get("left_behind", ())]
    t.answer(result, "\n".join(lines))
