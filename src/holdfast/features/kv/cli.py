"""`holdfast kv namespace` and `holdfast kv key`, as Wrangler's."""

from __future__ import annotations

import base64
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import Confirmed, noun, verb

app = noun(
    "kv",
    "Key-value namespaces and their keys.",
    """
    holdfast kv namespace create sessions
    holdfast kv key put sessions user:1 '{"name": "Ada"}' --ttl 3600
    """,
)
namespace = noun("namespace", "Namespaces: create, list, show, limit, delete.", "holdfast kv namespace create sessions")
keys = noun("key", "Keys of a namespace.", "holdfast kv key get sessions user:1")
app.add_typer(namespace)
app.add_typer(keys)
Namespace = Annotated[str, typer.Argument(metavar="NAMESPACE", help="Name or id.", show_default=False)]
_LIMITED = ("keys", "bytes")
Key = Annotated[str, typer.Argument(metavar="KEY", help="At most 512 bytes.", show_default=False)]


def find(t: Terminal, name: str) -> dict[str, Any]:
    return t.find("/kv-namespaces", name, "namespace", "kvn", **t.scope())


@verb(namespace, "create", "holdfast kv namespace create sessions --env production")
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Letters, digits and _ . -")],
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait until it is ready.")] = False,
) -> None:
    """Make a namespace, with the database that holds it."""
    t = terminal(ctx)
    made = t.client.post("/kv-namespaces", {"environment_id": t.environment_of()["id"], "name": name})
    t.follow({"id": made["run_id"]}, wait=not no_wait)
    made = t.client.get(f"/kv-namespaces/{made['id']}")
    t.answer(made, f"Made namespace {name}: {made['id']}")


@verb(namespace, "list", "holdfast kv namespace list")
def list_(ctx: typer.Context) -> None:
    """List namespaces."""
    t = terminal(ctx)
    t.table(
        t.client.items("/kv-namespaces", **t.scope()),
        {
            "NAME": "name",
            "STATE": "state",
            "MADE": lambda item: output.moment_text(item["created_at"]),
            "DATABASE": "database_id",
            "ID": "id",
        },
        empty="No namespaces yet. Make one: holdfast kv namespace create NAME",
    )


@verb(namespace, "show", "holdfast kv namespace show sessions")
def show(ctx: typer.Context, name: Namespace) -> None:
    """Show a namespace: what it holds, and what it may hold."""
    t = terminal(ctx)
    found = find(t, name)
    used = t.client.get(f"/kv-namespaces/{found['id']}/usage")
    held = (f"{used[what]} {what}{_of(used['max_' + what])}" for what in _LIMITED)
    t.answer({**found, **used}, f"{found['name']} ({found['state']}): {', '.join(held)}")


@verb(
    namespace,
    "limit",
    "holdfast kv namespace limit sessions --max-keys 100000 --max-bytes 1073741824\n"
    "holdfast kv namespace limit sessions --max-bytes none",
)
def limit(
    ctx: typer.Context,
    name: Namespace,
    max_keys: Annotated[str | None, typer.Option("--max-keys", help="The most keys; none for no limit.")] = None,
    max_bytes: Annotated[
        str | None, typer.Option("--max-bytes", help="The most bytes of keys, values and metadata; none for no limit.")
    ] = None,
) -> None:
    """Limit what a namespace may hold: writes beyond it are refused, what is there stays."""
    t = terminal(ctx)
    given = {"max_keys": max_keys, "max_bytes": max_bytes}
    body = {field: _limit(field, text) for field, text in given.items() if text is not None}
    if not body:
        raise Usage("say --max-keys, --max-bytes or both")
    made = t.client.patch(f"/kv-namespaces/{find(t, name)['id']}", body)
    most = (f"{'any number of' if made['max_' + what] is None else made['max_' + what]} {what}" for what in _LIMITED)
    t.answer(made, f"{made['name']} may hold {' and '.join(most)}.")


def _moment(seconds: int | None) -> str | None:
    """Of what a worker wrote: seconds since 1970, as far ahead as it liked."""
    if seconds is None:
        return None
    try:
        return output.moment_text(datetime.fromtimestamp(seconds, UTC).isoformat())
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def _limit(field: str, text: str) -> int | None:
    if text == "none":
        return None
    if not text.isdecimal():
        raise Usage(f"--{field.replace('_', '-')} takes a whole number, or none")
    return int(text)


def _of(most: int | None) -> str:
    return "" if most is None else f" of {most}"


@verb(namespace, "delete", "holdfast kv namespace delete sessions --confirm sessions")
def delete(ctx: typer.Context, name: Namespace, confirm: Confirmed = None) -> None:
    """Delete a namespace; within its grace period `holdfast db undelete` brings it back."""
    t = terminal(ctx)
    found = find(t, name)
    t.warn_bound(found["id"])
    typed = t.confirm(found["name"], confirm, "deletes a namespace and its keys")
    gone = t.client.delete(f"/kv-namespaces/{found['id']}", {"confirm": typed})
    t.answer(gone, f"Deleted {typed}. Bring it back: holdfast db undelete {gone['database_id']}")


@verb(keys, "list", "holdfast kv key list sessions --prefix user:")
def list_keys(
    ctx: typer.Context,
    name: Namespace,
    prefix: Annotated[str, typer.Option("--prefix", help="Only keys that begin so.")] = "",
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most this many.")] = None,
) -> None:
    """List keys, in the order of their bytes."""
    t = terminal(ctx)
    t.table(
        t.client.items(f"/kv-namespaces/{find(t, name)['id']}/keys", limit=limit, prefix=prefix),
        {
            "KEY": "name",
            "BYTES": "size",
            "EXPIRES": lambda item: _moment(item["expiration"]),
            "METADATA": lambda item: json.dumps(item["metadata"]) if item["metadata"] is not None else None,
        },
        empty="No keys.",
        right=("BYTES",),
    )


@verb(keys, "get", "holdfast kv key get sessions user:1")
def get(ctx: typer.Context, name: Namespace, key: Key) -> None:
    """Print the value under a key, as it is."""
    t = terminal(ctx)
    found = t.client.post(f"/kv-namespaces/{find(t, name)['id']}/values/read", {"key": key})
    if t.json:
        output.say_json(found)
        return
    value = base64.b64decode(found["value"]) if found["encoded"] else found["value"].encode()
    if sys.stdout.isatty():
        output.say(output.visible(value.decode("utf-8", "replace")))
    else:
        sys.stdout.buffer.write(value)
        sys.stdout.buffer.flush()


@verb(
    keys,
    "put",
    "holdfast kv key put sessions user:1 hello --ttl 3600\nholdfast kv key put files logo --path logo.png",
)
def put(
    ctx: typer.Context,
    *,
    name: Namespace,
    key: Key,
    value: Annotated[str | None, typer.Argument(help="Text; - reads standard input.")] = None,
    path: Annotated[
        Path | None, typer.Option("--path", exists=True, dir_okay=False, help="The value is a file.")
    ] = None,
    ttl: Annotated[int | None, typer.Option("--ttl", min=60, help="Seconds until it is gone.")] = None,
    expiration: Annotated[int | None, typer.Option("--expiration", help="Gone at these seconds since 1970.")] = None,
    metadata: Annotated[str | None, typer.Option("--metadata", help="JSON, at most 1024 bytes.")] = None,
) -> None:
    """Put a value under a key."""
    t = terminal(ctx)
    if (value is None) == (path is None):
        raise Usage("say either a value or --path FILE")
    body: dict[str, Any] = {"key": key, "expiration_ttl": ttl, "expiration": expiration}
    if metadata is not None:
        try:
            body["metadata"] = json.loads(metadata)
        except ValueError:
            raise Usage("--metadata takes JSON") from None
    if path is None and value != "-":
        body["value"] = value
    else:
        content = path.read_bytes() if path else sys.stdin.buffer.read()
        body |= {"value": base64.b64encode(content).decode(), "encoded": True}
    found = find(t, name)
    t.client.put(f"/kv-namespaces/{found['id']}/values", body)
    t.answer({"key": key}, f"Put {output.visible(key)}.")


@verb(keys, "delete", "holdfast kv key delete sessions user:1 user:2")
def delete_keys(
    ctx: typer.Context, name: Namespace, given: Annotated[list[str], typer.Argument(metavar="KEY...", help="Keys.")]
) -> None:
    """Delete keys; what is not there is no error."""
    t = terminal(ctx)
    t.client.post(f"/kv-namespaces/{find(t, name)['id']}/values/delete", {"keys": given})
    t.answer({"deleted": given}, f"Deleted {output.counted(len(given), 'key')}.")


@verb(keys, "bulk", "holdfast kv key bulk sessions entries.json")
def bulk(
    ctx: typer.Context,
    name: Namespace,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help='JSON: [{"key": ..., "value": ...}].')],
) -> None:
    """Put many values, a thousand in each step."""
    t = terminal(ctx)
    try:
        entries = json.loads(file.read_text())
    except ValueError:
        raise Usage(f"{file} is not JSON") from None
    if not isinstance(entries, list) or not entries:
        raise Usage('the file holds a list of {"key": ..., "value": ...}')
    where = f"/kv-namespaces/{find(t, name)['id']}/values/bulk"
    for at in range(0, len(entries), 1000):
        t.client.put(where, {"entries": entries[at : at + 1000]})
    t.answer({"put": len(entries)}, f"Put {output.counted(len(entries), 'key')}.")
