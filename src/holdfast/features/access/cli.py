"""`holdfast key`: API keys for scripts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from holdfast.kernel.errors import Retryable
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.noun import noun, verb

app = noun("key", "API keys for scripts.", "holdfast key create ci --permission snapshot.create --days 90")
Key = Annotated[str, typer.Argument(help="Name or id.")]


@verb(
    app,
    "create",
    "holdfast key create ci --permission snapshot.create --permission run.read --days 90\n"
    "holdfast key create deploy --role operator --project shop --env production",
)
def create(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    permissions: Annotated[
        list[str] | None,
        typer.Option("--permission", metavar="NOUN.VERB", help="What it may do; everything when none is given."),
    ] = None,
    role: Annotated[str | None, typer.Option("--role", help="A role instead: viewer, operator, ...")] = None,
    resources: Annotated[
        list[str] | None, typer.Option("--resource", metavar="DATABASE", help="Only on this database.")
    ] = None,
    days: Annotated[int | None, typer.Option("--days", min=1, help="Expires after this many days.")] = None,
) -> None:
    """Create a key. It is shown once and kept only as a hash.

    With --project, --env or --resource it works there only; otherwise wherever you may.
    """
    t = terminal(ctx)
    body: dict[str, object] = {"name": name, **_limits(t, resources)}
    if permissions:
        body["permissions"] = permissions
    if role:
        body["role"] = role
    if days:
        from datetime import UTC, datetime, timedelta

        body["expires_at"] = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    _show_once(t, t.client.post("/keys", body))


@verb(app, "list", "holdfast key list")
def list_(ctx: typer.Context) -> None:
    """List keys: never the keys themselves."""
    t = terminal(ctx)
    t.table(
        t.client.items("/keys"),
        {
            "NAME": "name",
            "MAY": _may,
            "WHERE": _where,
            "LAST USED": lambda item: output.moment_text(item.get("last_used_at")),
            "EXPIRES": lambda item: output.moment_text(item.get("expires_at")),
            "REVOKED": lambda item: output.moment_text(item.get("revoked_at")),
            "ID": "id",
        },
        empty="No keys yet. Create one: holdfast key create ci",
    )


@verb(app, "show", "holdfast key show ci")
def show(ctx: typer.Context, key: Key) -> None:
    """Show what a key may do, where, whose it is, and which of its secrets was used when."""
    t = terminal(ctx)
    found = _find(t, key)
    if t.json:
        output.say_json(found)
        return
    output.record(
        {
            "Name": found["name"],
            "Id": found["id"],
            "May": ", ".join(found["permissions"]) or "nothing",
            "Role": found["role"] or "-",
            "Where": ", ".join(_places(found)) or ("everywhere" if found["projects"] is None else "nowhere any more"),
            "Owner": found["owner_id"] or "nobody: made on the server",
            "Created": f"{output.moment_text(found['created_at'])}, by {found['created_by']}",
            "Expires": output.moment_text(found["expires_at"]),
            "Revoked": output.moment_text(found["revoked_at"]),
        }
    )
    output.say()
    output.table(
        ["SECRET", "MADE", "WORKS UNTIL", "LAST USED"],
        [
            [
                f"hf_{each['prefix']}_...",
                output.moment_text(each["created_at"]),
                output.moment_text(each["valid_until"]) if each["valid_until"] else "the key ends",
                output.moment_text(each["last_used_at"]),
            ]
            for each in found["secrets"]
        ],
    )


@verb(app, "rotate", "holdfast key rotate ci\nholdfast key rotate ci --overlap-hours 0")
def rotate(
    ctx: typer.Context,
    key: Key,
    hours: Annotated[
        int,
        typer.Option("--overlap-hours", min=0, max=720, help="How long the old secret still works; 0 = not at all."),
    ] = 24,
) -> None:
    """Give a key a new secret. It stays the same key; the old secret works for a day, or as long as you say."""
    t = terminal(ctx)
    found = _find(t, key)
    _show_once(t, t.client.post(f"/keys/{found['id']}/rotate", {"overlap_seconds": hours * 3600}))


@verb(app, "revoke", "holdfast key revoke ci\nholdfast key revoke ci --made")
def revoke(
    ctx: typer.Context,
    key: Key,
    made: Annotated[bool, typer.Option("--made", help="And every key that was made with it.")] = False,
) -> None:
    """Revoke a key at once, with every secret it has."""
    t = terminal(ctx)
    key_id = _find(t, key)["id"]
    answer = t.client.delete(f"/keys/{key_id}", **({"made": "true"} if made else {}))
    t.answer(answer or {"revoked": key_id}, f"Revoked {output.visible(key)}.")


def _find(t: Terminal, key: str) -> dict[str, Any]:
    return t.find("/keys", key, "key", "key", living=lambda item: not item["revoked_at"])


def _limits(t: Terminal, resources: list[str] | None) -> dict[str, list[str]]:
    """The narrowest that was named: databases, else the environment, else the project."""
    if resources:
        return {"resources": [t.database(each)["id"] for each in resources]}
    if t.environment:
        return {"environments": [t.environment_of()["id"]]}
    return {"projects": [t.project_of()["id"]]} if t.project else {}


def _show_once(t: Terminal, made: Mapping[str, Any]) -> None:
    if made["key"] is None:
        raise Retryable(
            f"the key {made['id']} was made, but the answer that showed it was lost",
            code="key_not_shown",
            hint=f"make another secret: holdfast key rotate {made['id']} --overlap-hours 0",
        )
    if t.json:
        output.say_json(made)
        return
    output.say(str(made["key"]))
    output.note(
        "This is the only time it is shown. Use it as HOLDFAST_API_KEY, or: holdfast profile add NAME URL --key-stdin"
    )


def _may(item: Mapping[str, Any]) -> str:
    count = len(item["permissions"])
    return str(item["role"] or ("1 permission" if count == 1 else f"{count} permissions"))


def _places(item: Mapping[str, Any]) -> list[str]:
    return [*(item["projects"] or ()), *item["environments"], *item["resources"]]


def _where(item: Mapping[str, Any]) -> str:
    if item["projects"] is None:
        return "everywhere"
    return ", ".join(_places(item)[:2]) + (" ..." if len(_places(item)) > 2 else "") or "nowhere"
