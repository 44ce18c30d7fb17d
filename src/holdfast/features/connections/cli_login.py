"""`holdfast login`: named logins of a database."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from holdfast.features.databases.cli import Name
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.noun import noun, verb

app = noun(
    "login",
    "Logins: named users of a database, each with a password of its own.",
    """
    holdfast login create shop reporting --access ro
    holdfast login rotate shop reporting
    holdfast login drop shop reporting --confirm reporting
    """,
)
Login = Annotated[str, typer.Argument(metavar="LOGIN", help="Its name or id.")]


@verb(app, "list", "holdfast login list shop")
def list_(ctx: typer.Context, database: Name) -> None:
    """List a database's named logins."""
    t = terminal(ctx)
    t.table(
        t.client.items(f"/databases/{t.database(database)['id']}/logins"),
        {
            "NAME": "name",
            "ACCESS": "access",
            "PASSWORD FROM": lambda item: output.moment_text(item["rotated_at"]),
            "REVOKED": lambda item: output.moment_text(item["revoked_at"]) if item["revoked_at"] else None,
            "ID": "id",
        },
        empty="No named logins. Make one: holdfast login create NAME reporting",
    )


@verb(app, "create", "holdfast login create shop reporting --access ro")
def create(
    ctx: typer.Context,
    database: Name,
    name: Annotated[str, typer.Argument(help="a-z, 0-9 and _.")],
    access: Annotated[str, typer.Option("--access", help="Whose rights: ro, rw or owner.")] = "ro",
) -> None:
    """Make a login and print its URL: the password is shown this once."""
    t = terminal(ctx)
    made = t.client.post(f"/databases/{t.database(database)['id']}/logins", {"name": name, "access": access})
    t.answer(made, str(made["url"]))


@verb(app, "rotate", "holdfast login rotate shop reporting")
def rotate(ctx: typer.Context, database: Name, login: Login) -> None:
    """Give a login a new password and print its URL; a revoked one works again."""
    t = terminal(ctx)
    made = t.client.post(f"/logins/{_find(t, database, login)['id']}/rotate")
    t.answer(made, str(made["url"]))


@verb(app, "revoke", "holdfast login revoke shop reporting")
def revoke(ctx: typer.Context, database: Name, login: Login) -> None:
    """Let nobody in with a login and end its sessions; what it owns stays."""
    t = terminal(ctx)
    made = t.client.post(f"/logins/{_find(t, database, login)['id']}/revoke")
    t.answer(made, f"Revoked {made['name']}.")


@verb(app, "drop", "holdfast login drop shop reporting --confirm reporting")
def drop(
    ctx: typer.Context,
    database: Name,
    login: Login,
    hand_over: Annotated[bool, typer.Option("--hand-over", help="Give what it owns to the owner.")] = False,
    confirm: Annotated[
        str | None, typer.Option("--confirm", metavar="NAME", help="The login's name again, for scripts.")
    ] = None,
) -> None:
    """Remove a login. Refused while it owns something, unless --hand-over."""
    t = terminal(ctx)
    found = _find(t, database, login)
    name = t.confirm(found["name"], confirm, "removes a login")
    t.client.delete(f"/logins/{found['id']}", {"confirm": name, "hand_over": hand_over})
    t.answer({"login": found["id"], "dropped": True}, f"Dropped {name}.")


def _find(t: Terminal, database: str, login: str) -> dict[str, Any]:
    return t.find(f"/databases/{t.database(database)['id']}/logins", login, "login", "lgn")
