"""What people mean by a snapshot's name."""

from __future__ import annotations

from typing import Any

from holdfast.kernel.errors import Conflict, NotFound
from holdfast.kernel.ids import is_id
from holdfast.terminal.context import Terminal
from holdfast.terminal.failure import Usage


def snapshot_of(t: Terminal, name: str) -> dict[str, Any]:
    """A snapshot by id, or the newest of a database as latest:NAME: never one that was imported out of a file."""
    if is_id(name, "snap"):
        return dict(t.client.get(f"/snapshots/{name}"))
    word, colon, database = name.partition(":")
    if word != "latest" or not colon:
        raise Usage(f"{name!r} is no snapshot", hint="an id (holdfast snapshot list) or latest:DATABASE")
    resource = owner_of(t, database)
    there = t.client.items("/snapshots", resource_id=resource, state="ready")
    newest = next((each for each in there if each["trigger"] != "import"), None)
    if newest is None:
        raise NotFound(f"{database!r} has no snapshot", hint=f"take one: holdfast snapshot create {database}")
    return dict(t.client.get(f"/snapshots/{newest['id']}"))


def owner_of(t: Terminal, database: str) -> str:
    """The id of a database by name or id, of a deleted one too: that is when its snapshots are wanted most."""
    if is_id(database, "db"):
        return database
    try:
        return str(t.database(database)["id"])
    except NotFound as missing:
        there = t.client.items("/snapshots", state="ready", **t.scope())
        owners = list(dict.fromkeys(s["resource_id"] for s in there if s["resource_name"] == database))
        if not owners:
            raise missing from None
        if len(owners) > 1:
            raise Conflict(
                f"{len(owners)} deleted databases were named {database!r}",
                code="ambiguous",
                hint="take the snapshot's id: holdfast snapshot list",
                details={"candidates": owners},
            ) from None
        return str(owners[0])
