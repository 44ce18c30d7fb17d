"""`holdfast secret`: secrets of an environment. A value comes from a pipe or a prompt, never from the command line."""

from __future__ import annotations

import sys
from typing import Annotated, Any
from urllib.parse import quote

import typer

from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import noun, verb

app = noun(
    "secret",
    "Secrets of an environment, and of workers: passwords, tokens, keys.",
    "holdfast secret set API_TOKEN --env production\nholdfast secret list --env production",
)
Name = Annotated[str, typer.Argument(help="Letters, digits, `_`, `.` and `-`.")]


def _path(t: Terminal, name: str | None = None, verb_: str = "") -> str:
    where = f"/environments/{t.environment_of()['id']}/secrets"
    return where + (f"/{quote(name, safe='')}" if name is not None else "") + verb_


@verb(app, "set", "holdfast secret set API_TOKEN\npass show api | holdfast secret set API_TOKEN --stdin")
def set_(
    ctx: typer.Context,
    *,
    name: Name,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the value from standard input; one line end at its end is cut off.")
    ] = False,
    resource: Annotated[
        str | None, typer.Option("--for", metavar="DATABASE", help="A new secret for one database, by name or id.")
    ] = None,
) -> None:
    """Store a secret, or a new version of it. Without --stdin you are asked, and nothing is shown."""
    t = terminal(ctx)
    body: dict[str, Any] = {"value": _value(t, stdin=stdin)}
    if resource:
        body["resource_id"] = t.database(resource)["id"]
    made = t.client.request("PUT", _path(t, name), body=body)
    t.answer(made, f"Stored {name}, version {made['version']}.")


def _value(t: Terminal, *, stdin: bool) -> str:
    if stdin:
        try:
            return sys.stdin.buffer.read().decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise Usage("the value is no UTF-8 text", hint="encode it first: base64 FILE") from None
    if t.json or not sys.stdin.isatty():
        raise Usage("where is the value?", hint="add --stdin and pipe it in")
    return str(typer.prompt("Value", hide_input=True, confirmation_prompt="Again", err=True))


def list_secrets(t: Terminal, *, deleted: bool) -> None:
    """Of the environment. Its verb is the workers' slice's: workers have secrets of their own."""
    wanted: dict[str, Any] = {"deleted": "true"} if deleted else {}
    t.table(
        t.client.items(_path(t), **wanted),
        {
            "NAME": "name",
            "VERSION": "version",
            "FOR": "resource_id",
            "CHANGED": lambda item: output.moment_text(item["updated_at"]),
            "BY": "updated_by",
        },
        empty="Nothing was deleted." if deleted else "No secrets yet. Store one: holdfast secret set API_TOKEN",
        right=("VERSION",),
    )


@verb(app, "versions", "holdfast secret versions API_TOKEN")
def versions(ctx: typer.Context, name: Name) -> None:
    """List a secret's versions; the ten newest are kept."""
    t = terminal(ctx)
    t.table(
        t.client.get(_path(t, name, "/versions"))["items"],
        {
            "VERSION": "version",
            "STORED": lambda item: output.moment_text(item["created_at"]),
            "BY": "created_by",
            "SAME AS": "restored_from",
        },
        empty="It has no versions.",
        right=("VERSION", "SAME AS"),
    )


@verb(app, "reveal", "holdfast secret reveal API_TOKEN\nholdfast secret reveal API_TOKEN --version 2")
def reveal(
    ctx: typer.Context,
    name: Name,
    version: Annotated[int | None, typer.Option("--version", min=1, help="An older version.")] = None,
) -> None:
    """Print a secret's value. It is recorded."""
    t = terminal(ctx)
    found = t.client.post(_path(t, name, "/reveal"), {"version": version})
    if t.json:
        output.say_json(found)
    else:
        # A pipe gets it as it is; a terminal must not be steered by it.
        output.say(output.visible(found["value"]) if sys.stdout.isatty() else found["value"])


@verb(app, "restore", "holdfast secret restore API_TOKEN 2")
def restore(
    ctx: typer.Context, name: Name, version: Annotated[int, typer.Argument(min=1, help="One of its versions.")]
) -> None:
    """Make an older version the newest; brings a deleted secret back."""
    t = terminal(ctx)
    made = t.client.post(_path(t, name, "/restore"), {"version": version})
    t.answer(made, f"{name} has the value of version {version} again, as version {made['version']}.")


def delete_secret(t: Terminal, name: str, confirm: str | None, *, destroy: bool) -> None:
    """Of the environment, as `list_secrets`."""
    typed = t.confirm(name, confirm, "destroys a secret for good" if destroy else "deletes a secret")
    answer = t.client.delete(_path(t, name), {"confirm": typed, "destroy": destroy})
    hint = "" if destroy else f" To bring it back: holdfast secret restore {name} VERSION"
    t.answer(answer or {"deleted": name}, f"{'Destroyed' if destroy else 'Deleted'} {name}.{hint}")


@verb(app, "rotate", "holdfast secret rotate --env production")
def rotate(ctx: typer.Context) -> None:
    """Seal everything of an environment with a new data key; it stays in use meanwhile."""
    t = terminal(ctx)
    done = t.client.post(_path(t, None, "/rotate"))
    t.answer(done, f"Data key version {done['version']}: {done['resealed']} values sealed anew, the old key destroyed.")
