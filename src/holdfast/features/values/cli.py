"""`holdfast keys`: what a database of keys holds, one key at a time."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from holdfast.features.values.reading import element, key_of, value_of, word
from holdfast.kernel.errors import HoldfastError
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import noun, verb

app = noun(
    "keys",
    "Keys of a database that keeps keys: list, read, change.",
    """
    holdfast keys list cache --match "session:*"
    holdfast keys get cache session:1
    """,
)
Database = Annotated[str, typer.Argument(metavar="DATABASE", help="Name or id.", show_default=False)]
Key = Annotated[str, typer.Argument(help=r"The key; \xff for bytes that are no text.", show_default=False)]
Number = Annotated[int, typer.Option("-n", "--number", min=0, help="Number of the database inside the server.")]
IfMatch = Annotated[str | None, typer.Option("--if-match", metavar="DIGEST", help="Only if it is still this value.")]


@verb(app, "list", 'holdfast keys list cache --match "session:*" --type hash --limit 20')
def list_(
    ctx: typer.Context,
    *,
    database: Database,
    match: Annotated[str, typer.Option("--match", help="A pattern: * ? [a-c].")] = "*",
    kind: Annotated[str | None, typer.Option("--type", help="Only keys of this type.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="At most this many.")] = 100,
    number: Number = 0,
) -> None:
    """List keys with type, expiry and size, in no order."""
    t = terminal(ctx)
    found = t.client.items(_where(t, database), limit=limit, database=number, pattern=match, type=kind)
    t.table(
        found,
        {
            "KEY": lambda item: word(item["name"]),
            "TYPE": "type",
            "SIZE": lambda item: "" if item["size"] is None else f"{item['size']:,}",
            "MEMORY": lambda item: "" if item["memory"] is None else f"{item['memory']:,}",
            "EXPIRES": lambda item: output.moment_text(item["expires_at"]) if item["expires_at"] else "",
        },
        empty="No keys match. Write one: holdfast keys set DATABASE KEY VALUE",
        right=("SIZE", "MEMORY"),
    )


@verb(app, "get", "holdfast keys get cache session:1\nholdfast keys get cache queue --limit 20 --json")
def get(
    ctx: typer.Context,
    *,
    database: Database,
    key: Key,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="About so many elements.")] = 100,
    cursor: Annotated[str | None, typer.Option("--cursor", help="`next_cursor` of the part before.")] = None,
    number: Number = 0,
) -> None:
    """Show a value, big ones in parts."""
    t = terminal(ctx)
    body = {"name": key_of(key), "database": number, "limit": limit, "cursor": cursor}
    found = t.client.post(_where(t, database) + "/read", body)
    if t.json:
        output.say_json(found)
        return
    for one in found["elements"]:
        plain = found["type"] == "string" and isinstance(one, str)  # a text may have lines of its own
        output.say(output.visible(one) if plain else element(one))
    expires = output.moment_text(found["expires_at"]) if found["expires_at"] else "never"
    size = "?" if found["size"] is None else f"{found['size']:,}"
    output.note(f"{found['type']}, size {size}, expires {expires}, digest {found['digest'] or 'none'}")
    if found["next_cursor"]:
        output.note(f"There is more: --cursor {found['next_cursor']}")


@verb(
    app,
    "set",
    "holdfast keys set cache greeting hello --expires-in 3600\n"
    'holdfast keys set cache user:1 --type hash \'[["name", "Ada"]]\'',
)
def set_(
    ctx: typer.Context,
    *,
    database: Database,
    key: Key,
    value: Annotated[str, typer.Argument(help="The text; for other types JSON elements; - reads standard input.")],
    kind: Annotated[str, typer.Option("--type", help="string, hash, list, set, zset or stream.")] = "string",
    expires_in: Annotated[float | None, typer.Option("--expires-in", min=0.001, help="Seconds until it goes.")] = None,
    create: Annotated[bool, typer.Option("--create", help="Refuse to replace a key.")] = False,
    if_match: IfMatch = None,
    number: Number = 0,
) -> None:
    """Write a whole value."""
    t = terminal(ctx)
    text = sys.stdin.read() if value == "-" else value
    body = {
        "name": key_of(key),
        "database": number,
        "type": kind,
        "elements": value_of(text, kind),
        "expires_at": _after(expires_in),
        "create": create,
    }
    made = t.client.put(_where(t, database), body, if_match)
    t.answer(made, f"Wrote {kind} {output.visible(key)}.")


@verb(app, "delete", "holdfast keys delete cache session:1")
def delete(
    ctx: typer.Context,
    *,
    database: Database,
    keys: Annotated[list[str], typer.Argument(metavar="KEY...", help="The keys.")],
    number: Number = 0,
) -> None:
    """Delete keys."""
    t = terminal(ctx)
    where = _where(t, database)
    gone, absent = list[str](), list[str]()
    for key in keys:
        try:
            t.client.delete(where, {"name": key_of(key), "database": number})
            gone.append(key)
        except HoldfastError as error:
            if error.code != "key_absent":
                raise
            absent.append(key)
    t.answer({"deleted": gone, "absent": absent}, f"Deleted {len(gone)} key{'' if len(gone) == 1 else 's'}.")
    if absent:
        output.note("Not there: " + ", ".join(output.visible(key) for key in absent))
        raise typer.Exit(1)


@verb(app, "expire", "holdfast keys expire cache session:1 --in 600\nholdfast keys expire cache session:1 --never")
def expire(
    ctx: typer.Context,
    *,
    database: Database,
    key: Key,
    seconds: Annotated[float | None, typer.Option("--in", min=0.001, help="Seconds until it goes.")] = None,
    never: Annotated[bool, typer.Option("--never", help="The key stays.")] = False,
    if_match: IfMatch = None,
    number: Number = 0,
) -> None:
    """Set when a key goes by itself, or that it stays."""
    if (seconds is None) is not never:
        raise Usage("say --in SECONDS or --never")
    t = terminal(ctx)
    body = {"name": key_of(key), "database": number, "expires_at": _after(seconds)}
    changed = t.client.patch(_where(t, database), body, if_match)
    t.answer(changed, f"{output.visible(key)} stays." if never else f"{output.visible(key)} goes in {seconds:g} s.")


@verb(app, "rename", "holdfast keys rename cache old new")
def rename(
    ctx: typer.Context,
    *,
    database: Database,
    key: Key,
    to: Annotated[str, typer.Argument(help="The new name; must be free.")],
    if_match: IfMatch = None,
    number: Number = 0,
) -> None:
    """Rename a key."""
    t = terminal(ctx)
    body = {"name": key_of(key), "database": number, "rename_to": key_of(to)}
    changed = t.client.patch(_where(t, database), body, if_match)
    t.answer(changed, f"Renamed {output.visible(key)} to {output.visible(to)}.")


@verb(app, "edit", 'holdfast keys edit cache user:1 --put \'["name", "Ada"]\' --remove \'"age"\'')
def edit(
    ctx: typer.Context,
    *,
    database: Database,
    key: Key,
    put: Annotated[list[str] | None, typer.Option("--put", metavar="JSON", help="An element to add or change.")] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="JSON", help="A field, member, id or index to remove.")
    ] = None,
    if_match: IfMatch = None,
    number: Number = 0,
) -> None:
    """Change single elements of a value."""
    t = terminal(ctx)
    body = {"name": key_of(key), "database": number, "put": _parsed(put), "remove": _parsed(remove)}
    changed = t.client.patch(_where(t, database), body, if_match)
    t.answer(changed, f"Changed {output.visible(key)}." if changed else f"Nothing is left of {output.visible(key)}.")


def _where(t: Terminal, database: str) -> str:
    return f"/databases/{t.database(database)['id']}/keys"


def _after(seconds: float | None) -> str | None:
    return None if seconds is None else (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def _parsed(given: list[str] | None) -> list[Any]:
    try:
        return [json.loads(one) for one in given or ()]
    except ValueError as error:
        raise Usage(f"an element is JSON: {error}", hint="a text takes its quotes: '\"text\"'") from None
