"""`holdfast db rotate`, `resize` and `edit`: changes of a database that stands."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from holdfast.features.databases.cli import Name, NoWait, app, pairs_text
from holdfast.kernel.errors import HoldfastError
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, key_values, label_pairs, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import Confirmed, verb


@verb(app, "rotate", "holdfast db rotate shop\nholdfast db rotate shop --confirm shop")
def rotate(ctx: typer.Context, database: Name, confirm: Confirmed = None, no_wait: NoWait = False) -> None:
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


@verb(
    app,
    "resize",
    """
    holdfast db resize shop --set memory_mb=512 --set cpus=2
    holdfast db resize shop --set max_connections=80 --confirm shop
    holdfast db resize shop --set memory_mb=null
    """,
)
def resize(
    ctx: typer.Context,
    *,
    database: Name,
    settings: Annotated[
        list[str], typer.Option("--set", metavar="KEY=VALUE", help="A setting (see holdfast engine show); null = none.")
    ],
    confirm: Confirmed = None,
    no_wait: NoWait = False,
) -> None:
    """Give a database other limits and settings: at once, or with a restart that you agree to by typing its name."""
    t = terminal(ctx)
    found = t.database(database)
    path, body = f"/databases/{found['id']}/resize", {"spec": key_values(settings, "--set"), "confirm": confirm or ""}
    try:
        made = t.client.post(path, body)
    except HoldfastError as error:
        if error.code != "restart_needed":
            raise
        what = f"restarts the database ({', '.join(error.details['fields'])}) and ends its sessions"
        made = t.client.post(path, body | {"confirm": t.confirm(found["name"], confirm, what)})
    result = followed(t, made, no_wait)
    if result is not None:
        changes = made["changes"]
        lines = [f"{each['field']}: {_said(each['before'])} -> {_said(each['after'])}" for each in changes]
        lines.append(f"Applied {result['applied']}.")
        if result["limited"] is False:
            lines.append("This machine enforces no memory or CPU limits: holdfast doctor says why.")
        t.answer(result | {"changes": changes}, "\n".join(lines))


@verb(
    app,
    "edit",
    """
    holdfast db edit shop --label team=web --label tier=1
    holdfast db edit shop --remove-label tier --colour red --notes "ask Ada first"
    holdfast db edit shop --protect
    """,
)
def edit(
    ctx: typer.Context,
    *,
    database: Name,
    labels: Annotated[list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="Set a label.")] = None,
    gone: Annotated[list[str] | None, typer.Option("--remove-label", metavar="KEY", help="Remove a label.")] = None,
    colour: Annotated[
        str | None, typer.Option("--colour", help="A word such as red, or #aabbcc; none takes it off.")
    ] = None,
    notes: Annotated[str | None, typer.Option("--notes", help='What to know about it; "" takes them off.')] = None,
    protect: Annotated[
        bool | None, typer.Option("--protect/--no-protect", help="Whether it may be deleted: not while protected.")
    ] = None,
) -> None:
    """Change a database's labels, colour, notes and protection against deletion."""
    t = terminal(ctx)
    found = t.database(database)
    given: dict[str, Any] = {"notes": notes, "deletion_protection": protect}
    body = {key: value for key, value in given.items() if value is not None}
    if colour is not None:
        body["colour"] = None if colour == "none" else colour
    if labels or gone:
        body["labels"] = relabelled(found["labels"], labels or (), gone or ())
    if not body:
        raise Usage("nothing to change was given", hint="See: holdfast db edit --help")
    changed = t.client.patch(f"/databases/{found['id']}", body, found["version"])
    t.answer(changed, f"Changed {output.visible(changed['name'])}: {', '.join(_worded(changed, key) for key in body)}.")


def relabelled(labels: Mapping[str, str], given: Iterable[str], gone: Iterable[str]) -> dict[str, str]:
    """The labels with those given set and those gone left out. Raises Usage for one that is not there to remove."""
    wanted = {**labels, **label_pairs(given)}
    for key in gone:
        if key not in labels:
            raise Usage(f"it has no label {key!r}", hint="holdfast db show lists them.")
        wanted.pop(key, None)
    return wanted


def _worded(changed: Mapping[str, Any], key: str) -> str:
    value = changed[key]
    if key == "labels":
        return f"labels {pairs_text(value)}" if value else "no labels"
    if key == "deletion_protection":
        return "protected against deletion" if value else "not protected against deletion"
    return f"{key} {output.visible(str(value))}" if value else f"no {key}"


def _said(value: Any) -> str:
    return "none" if value is None else output.value_text(value)


def followed(t: Terminal, made: dict[str, Any], no_wait: bool) -> dict[str, Any] | None:
    """The result of the run of an answer {resource, run}; None when it is not waited for."""
    if no_wait:
        t.answer(made, f"{made['run']['id']}\nWatch it: holdfast run watch {made['run']['id']}")
        return None
    return dict(t.follow(made["run"]).get("result") or {})
