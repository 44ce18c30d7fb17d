"""`holdfast node`: the Holdfasts that share one metadata database."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.noun import noun, verb

app = noun("node", "Nodes: the Holdfasts of one metadata database.", "holdfast node list\nholdfast node show web1")
Name = Annotated[str, typer.Argument(metavar="NODE", help="Name of the node.", show_default=False)]


@verb(app, "list", "holdfast node list\nholdfast node list --json")
def list_(ctx: typer.Context) -> None:
    """List nodes: whether each is alive, and how much lives on it."""
    t = terminal(ctx)
    t.table(
        t.client.items("/nodes"),
        {
            "NODE": lambda node: output.visible(node["name"]) + (" (here)" if node["here"] else ""),
            "STATE": _state,
            "VERSION": "version",
            "DATABASES": lambda node: node["living"]["databases"],
            "SNAPSHOTS": lambda node: node["living"]["snapshots"],
            "RUNS": lambda node: node["living"]["runs"],
            "ADDRESSES": lambda node: ", ".join(node["addresses"]),
        },
        empty="No node has joined yet.",
        right=("DATABASES", "SNAPSHOTS", "RUNS"),
    )


@verb(app, "show", "holdfast node show web1")
def show(ctx: typer.Context, name: Name) -> None:
    """Show a node: its heartbeat, where it listens, which databases live there."""
    t = terminal(ctx)
    found = t.client.get(_path(name))
    if t.json:
        output.say_json(found)
        return
    living = found["living"]
    output.record(
        {
            "Name": output.visible(found["name"]) + (" (this one)" if found["here"] else ""),
            "State": _state(found),
            "Version": found["version"],
            "Machine": output.visible(found["machine"]),
            "Listens": ", ".join(found["addresses"]) or "-",
            "Joined": output.moment_text(found["joined_at"]),
            "Holds": f"{living['databases']} databases, {living['snapshots']} snapshots in {living['repositories']} "
            f"repositories, {living['runs']} unfinished runs",
            "Runners": living["runners"],
        }
    )
    if found["databases"]:
        output.say()
        rows = [[each["name"], each["engine"], each["state"], each["id"]] for each in found["databases"]]
        output.table(["DATABASE", "ENGINE", "STATE", "ID"], rows)


@verb(app, "remove", "holdfast node remove web1\nholdfast node remove web1 --lost --confirm web1")
def remove(
    ctx: typer.Context,
    *,
    name: Name,
    lost: Annotated[
        bool, typer.Option("--lost", help="Its disk is gone: record what lived there as gone too.")
    ] = False,
    confirm: Annotated[str | None, typer.Option("--confirm", metavar="NODE", help="The name, typed.")] = None,
) -> None:
    """Forget a node that will not come back. Refused while it is alive, or while anything lives on it."""
    t = terminal(ctx)
    what = "forgets the node and gives up everything on it" if lost else "forgets the node"
    typed = t.confirm(name, confirm, what)
    answer = t.client.delete(_path(name), {"confirm": typed, "lost": lost})
    t.answer(answer, f"Removed the node {output.visible(name)}.")


def _state(node: dict[str, Any]) -> str:
    return "alive" if node["alive"] else f"silent for {output.seconds_text(node['age_seconds'])}"


def _path(name: str) -> str:
    return f"/nodes/{quote(name, safe='')}"
