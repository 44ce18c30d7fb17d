"""`holdfast profile`: the servers this program talks to."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import noun, verb
from holdfast.terminal.profiles import LOCAL, Profile, Profiles

app = noun(
    "profile",
    "Profiles: servers this program talks to.",
    """
    holdfast profile add prod https://holdfast.example.org --key-file ~/prod.key
    holdfast --profile prod db list
    """,
)
Name = Annotated[str, typer.Argument(metavar="PROFILE", help="Name of the profile.", show_default=False)]


@verb(app, "add", "holdfast profile add prod https://holdfast.example.org --key-file ~/prod.key --env production")
def add(
    ctx: typer.Context,
    name: Name,
    url: Annotated[str, typer.Argument(help="Where the server is.")],
    key_file: Annotated[Path | None, typer.Option("--key-file", help="Read the API key from this file.")] = None,
    key_stdin: Annotated[bool, typer.Option("--key-stdin", help="Read the API key from standard input.")] = False,
) -> None:
    """Add or replace a profile. Its key comes from a file, standard input or HOLDFAST_API_KEY."""
    t = terminal(ctx)
    if key_file is not None and key_stdin:
        raise Usage("--key-file and --key-stdin: say one of them")
    key: str | None = os.environ.get("HOLDFAST_API_KEY")
    if key_file is not None:
        try:
            key = key_file.expanduser().read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Usage(f"cannot read {key_file}: {error}") from error
    elif key_stdin:
        key = typer.prompt("API key", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline().strip()
    Profiles().add(Profile(name=name, url=url, key=key or None, project=t.project, environment=t.environment))
    t.answer(
        {"name": name, "url": url, "has_key": bool(key)},
        f"Added {name}. Use it from now on: holdfast profile use {name}",
    )


@verb(app, "list", "holdfast profile list")
def list_(ctx: typer.Context) -> None:
    """List profiles; the one in use is marked."""
    t = terminal(ctx)
    profiles = Profiles()
    known = [
        {"name": LOCAL, "url": "admin.sock on this machine", "has_key": False, "project": None, "environment": None}
    ]
    known += [
        {"name": p.name, "url": p.url, "has_key": bool(p.key), "project": p.project, "environment": p.environment}
        for p in profiles.list()
    ]
    t.table(
        [profile | {"current": profile["name"] == profiles.current} for profile in known],
        {
            "": lambda item: "*" if item["current"] else " ",
            "NAME": "name",
            "URL": "url",
            "KEY": lambda item: "yes" if item["has_key"] else None,
            "PROJECT": "project",
            "ENV": "environment",
        },
        empty="",
    )


@verb(app, "use", "holdfast profile use prod\nholdfast profile use local")
def use(ctx: typer.Context, name: Name) -> None:
    """Use a profile from now on; `local` is this machine."""
    Profiles().use(name)
    t = terminal(ctx)
    t.answer({"current": name}, f"Using {name}.")
    for stronger in ("HOLDFAST_PROFILE", "HOLDFAST_URL", "HOLDFAST_DATA"):
        if t.environ.get(stronger):
            output.note(f"{stronger} is set and comes first: unset it to use {name}.")
            break


@verb(app, "remove", "holdfast profile remove prod")
def remove(ctx: typer.Context, name: Name) -> None:
    """Forget a profile and its key."""
    Profiles().remove(name)
    terminal(ctx).answer({"removed": name}, f"Removed {name}.")
