"""`holdfast db rotate`: changes of a database that stands."""

from __future__ import annotations

import shlex
from typing import Annotated, Any

import typer

from holdfast.features.databases.cli import Name, NoWait, app
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.noun import verb

Confirm = Annotated[str | None, typer.Option("--confirm", metavar="NAME", help="The name again, for scripts.")]


@verb(app, "rotate", "holdfast db rotate shop\nholdfast db rotate shop --confirm shop")
def rotate(ctx: typer.Context, database: Name, confirm: Confirm = None, no_wait: NoWait = False) -> None:
    """Give a database new passwords: its URLs of owner, rw and ro. The old ones stop working at once.

    Sessions that signed in with them end. Named logins and open tunnels have passwords of their own and stay.
    """
    t = terminal(ctx)
    found = t.database(database)
    name = t.confirm(found["name"], confirm, "cuts off every program that uses the old URL")
    made = t.client.post(f"/databases/{found['id']}/passwords/rotate", {"confirm": name})
    result = followed(t, made, no_wait)
    if result is not None:
        ended = result["sessions_ended"]
        word = shlex.quote(output.visible(found["name"]))
        told = (
            f"{ended} session{'' if ended == 1 else 's'} of the old ones ended." if ended else "Nobody was connected."
        )
        t.answer(result, f"{output.visible(found['name'])} has new passwords. {told}\nSee them: holdfast db url {word}")


def followed(t: Terminal, made: dict[str, Any], no_wait: bool) -> dict[str, Any] | None:
    """The result of the run of an answer {resource, run}; None when it is not waited for."""
    if no_wait:
        t.answer(made, f"{made['run']['id']}\nWatch it: holdfast run watch {made['run']['id']}")
        return None
    return dict(t.follow(made["run"]).get("result") or {})
