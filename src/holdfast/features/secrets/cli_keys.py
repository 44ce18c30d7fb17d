"""`holdfast master-key`: which one is in use, and rotating it."""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.noun import noun, verb

app = noun(
    "master-key",
    "The master key that seals everything stored.",
    "holdfast master-key show-id\nholdfast master-key rotate",
)


@verb(app, "show-id", "holdfast master-key show-id")
def show_id(ctx: typer.Context) -> None:
    """Show the id of the master key in use and where it is kept. Never the key."""
    t = terminal(ctx)
    found = t.client.get("/system/master-key")
    if t.json:
        output.say_json(found)
        return
    retiring = ", ".join(found["retiring"])
    output.record(
        {"Id": found["id"], "Kept in": found["where"], "Wraps": f"{found['data_keys']} data keys"}
        | ({"Retiring": f"{retiring}: a rotation has not ended"} if retiring else {})
    )


@verb(app, "rotate", "holdfast master-key rotate\nholdfast master-key rotate --data-keys")
def rotate(
    ctx: typer.Context,
    data_keys: Annotated[
        bool, typer.Option("--data-keys", help="Also seal everything anew: when someone has seen the key.")
    ] = False,
) -> None:
    """Replace the master key while everything goes on. Make a new recovery kit afterwards."""
    t = terminal(ctx)
    done = t.client.post("/system/master-key/rotate", {"data_keys": data_keys})
    words = f"The master key is {done['id']} now; {done['rewrapped']} data keys were wrapped anew."
    if done["data_keys"]:
        words += f" {done['data_keys']} data keys were replaced and {done['resealed']} values sealed anew."
    t.answer(done, words)
    if not t.json:
        if done["leftover"]:
            output.note(f"Take the old key ({', '.join(done['before'])}) out of HOLDFAST_MASTER_KEY: nothing needs it.")
        output.note("Recovery kits made before are stale: holdfast recovery-kit create --to age1... -o kit.age")
