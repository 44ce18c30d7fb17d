"""`holdfast key`: API keys for scripts."""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast.kernel.errors import Retryable
from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.noun import noun, verb

app = noun("key", "API keys for scripts.", "holdfast key create ci --permission snapshot.create --days 90")


@verb(app, "create", "holdfast key create ci --permission snapshot.create --permission run.read --days 90")
def create(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    permissions: Annotated[
        list[str] | None,
        typer.Option("--permission", metavar="NOUN.VERB", help="What it may do; everything when none is given."),
    ] = None,
    role: Annotated[str | None, typer.Option("--role", help="A shipped role instead: viewer, operator, ...")] = None,
    days: Annotated[int | None, typer.Option("--days", min=1, help="Expires after this many days.")] = None,
) -> None:
    """Create a key. It is shown once and kept only as a hash."""
    t = terminal(ctx)
    body: dict[str, object] = {"name": name}
    if permissions:
        body["permissions"] = permissions
    if role:
        body["role"] = role
    if days:
        from datetime import UTC, datetime, timedelta

        body["expires_at"] = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    if t.project:
        body["projects"] = [t.project_of()["id"]]
    made = t.client.post("/keys", body)
    if made["key"] is None:
        raise Retryable(
            f"the key {made['id']} was made, but the answer that showed it was lost",
            code="key_not_shown",
            hint=f"revoke it and make another: holdfast key revoke {made['id']}",
        )
    if t.json:
        output.say_json(made)
        return
    output.say(str(made["key"]))
    output.note(
        "This is the only time it is shown. Use it as HOLDFAST_API_KEY, or: holdfast profile add NAME URL --key-stdin"
    )


@verb(app, "list", "holdfast key list")
def list_(ctx: typer.Context) -> None:
    """List keys: never the keys themselves."""
    t = terminal(ctx)
    t.table(
        t.client.items("/keys"),
        {
            "NAME": "name",
            "LAST USED": lambda item: output.moment_text(item.get("last_used_at")),
            "EXPIRES": lambda item: output.moment_text(item.get("expires_at")),
            "REVOKED": lambda item: output.moment_text(item.get("revoked_at")),
            "ID": "id",
        },
        empty="No keys yet. Create one: holdfast key create ci",
    )


@verb(app, "revoke", "holdfast key revoke ci")
def revoke(ctx: typer.Context, key: Annotated[str, typer.Argument(help="Name or id.")]) -> None:
    """Revoke a key at once."""
    t = terminal(ctx)
    from holdfast.kernel.ids import is_id

    key_id = key if is_id(key) else t.find("/keys", key, "key", "key", living=lambda item: not item["revoked_at"])["id"]
    answer = t.client.delete(f"/keys/{key_id}")
    t.answer(answer or {"revoked": key_id}, f"Revoked {output.visible(key)}.")
