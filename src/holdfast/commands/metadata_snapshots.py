"""More of `holdfast metadata`: snapshots of Holdfast's own records."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from holdfast.commands.metadata import app
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.noun import verb

Repository = Annotated[str, typer.Argument(metavar="REPOSITORY", help="Name or id.", show_default=False)]


@verb(app, "backup", "holdfast metadata backup")
def backup(
    ctx: typer.Context,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return at once instead of watching the run.")] = False,
) -> None:
    """Take a snapshot of everything Holdfast knows now, in every repository that gets them."""
    t = terminal(ctx)
    made = t.client.post("/system/recovery/snapshots", {})["snapshots"]
    if not no_wait:
        for each in made:
            t.follow({"id": each["run_id"]})
    names = {home["repository_id"]: home["name"] for home in t.client.get("/system/recovery")["homes"]}
    kept = [
        f"{each['id']} in {output.visible(names.get(each['repository_id'], each['repository_id']))}" for each in made
    ]
    t.answer({"snapshots": made}, "\n".join(kept))


@verb(app, "snapshots", "holdfast metadata snapshots")
def snapshots(ctx: typer.Context) -> None:
    """List the snapshots of Holdfast's own records."""
    t = terminal(ctx)
    t.table(
        t.client.items("/system/recovery/snapshots"),
        {
            "ID": "id",
            "STATE": "state",
            "TAKEN": lambda item: output.moment_text(item["taken_at"]) if item["taken_at"] else None,
            "ROWS": "rows",
            "SIZE": lambda item: output.size_text(item["bytes"]) if item["bytes"] is not None else None,
            "WHY": "trigger",
            "REPOSITORY": "repository_id",
        },
        empty="None yet. The first is taken a minute after something changed; now: holdfast metadata backup",
        right=("ROWS", "SIZE"),
    )


@verb(app, "homes", "holdfast metadata homes")
def homes(ctx: typer.Context) -> None:
    """Say where they go, and whether a lost server could come back. Exits 1 when something is lacking."""
    t = terminal(ctx)
    _told(t, t.client.get("/system/recovery"))


@verb(app, "keep-in", "holdfast metadata keep-in offsite")
def keep_in(ctx: typer.Context, repository: Repository) -> None:
    """Send every snapshot of the metadata to this repository too."""
    t = terminal(ctx)
    found = t.repository(repository)
    answer = t.client.put(f"/system/recovery/homes/{found['id']}", None)
    t.answer(answer, f"{output.visible(str(found['name']))} gets every snapshot of the metadata from now on.")


@verb(app, "keep-out", "holdfast metadata keep-out offsite")
def keep_out(ctx: typer.Context, repository: Repository) -> None:
    """Send no more of them to this repository; those it has stay."""
    t = terminal(ctx)
    found = t.repository(repository)
    answer = t.client.delete(f"/system/recovery/homes/{found['id']}")
    t.answer(answer, f"{output.visible(str(found['name']))} gets no more of them.")


def _told(t: Terminal, state: dict[str, Any]) -> None:
    if t.json:
        output.say_json(state)
    else:
        t.table(
            state["homes"],
            {
                "REPOSITORY": "name",
                "KIND": "kind",
                "NEWEST": lambda home: output.moment_text(home["newest"]["taken_at"]) if home["newest"] else "none yet",
                "PATH": "path",
            },
            empty="No repository gets them. Make one that does: holdfast metadata keep-in REPOSITORY",
        )
        for lack in state["why"] or ["nothing is lacking"]:
            output.say(output.visible(lack[:1].upper() + lack[1:] + "."))
    if state["why"]:
        raise typer.Exit(1)
