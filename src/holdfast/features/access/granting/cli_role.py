"""`holdfast role`: the built-in roles, and your own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from holdfast.kernel.errors import NotFound
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import noun, verb

app = noun(
    "role",
    "Roles: names for sets of permissions.",
    "holdfast role list\nholdfast role create restorer --from operator --permission snapshot.restore",
)
Name = Annotated[str, typer.Argument(metavar="ROLE", help="Name or id.", show_default=False)]
Permissions = Annotated[
    list[str] | None, typer.Option("--permission", metavar="NOUN.VERB", help="What it allows; may be given again.")
]
Without = Annotated[list[str] | None, typer.Option("--without", metavar="NOUN.VERB", help="Leave this out.")]
Description = Annotated[str | None, typer.Option("--description", help="What it is for.")]


@verb(app, "list", "holdfast role list")
def list_(ctx: typer.Context) -> None:
    """List roles, the built-in ones first."""
    t = terminal(ctx)
    t.table(
        t.client.items("/roles"),
        {
            "NAME": "name",
            "PERMISSIONS": lambda role: len(role["permissions"]),
            "KIND": lambda role: "built-in" if role["built_in"] else "custom",
            "DESCRIPTION": "description",
        },
        empty="No roles.",
        right=("PERMISSIONS",),
    )


@verb(app, "show", "holdfast role show operator")
def show(ctx: typer.Context, role: Name) -> None:
    """Show what a role allows."""
    t = terminal(ctx)
    found = find_role(t, role)
    if t.json:
        output.say_json(found)
        return
    output.record(
        {
            "Name": found["name"],
            "Id": found["id"],
            "Kind": "built-in" if found["built_in"] else "custom",
            "For": found["description"] or "-",
        }
    )
    meaning = t.client.get("/permissions")["permissions"]
    output.say()
    output.table(["PERMISSION", "ALLOWS"], [[name, meaning.get(name, "-")] for name in found["permissions"]])


@verb(
    app,
    "create",
    "holdfast role create restorer --permission snapshot.restore --permission snapshot.read\n"
    "holdfast role create lead --from developer --permission database.delete",
)
def create(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and hyphens.")],
    permissions: Permissions = None,
    base: Annotated[str | None, typer.Option("--from", metavar="ROLE", help="Begin with what this one allows.")] = None,
    without: Without = None,
    description: Description = None,
) -> None:
    """Make a custom role. It may hold only what you hold everywhere yourself."""
    t = terminal(ctx)
    begin = find_role(t, base)["permissions"] if base else []
    held = _changed(begin, permissions, without)
    made = t.client.post("/roles", {"name": name, "permissions": held, "description": description or ""})
    t.answer(made, f"Created the role {output.visible(name)} with {len(made['permissions'])} permissions.")


@verb(
    app,
    "update",
    "holdfast role update restorer --permission snapshot.verify\nholdfast role update restorer --without run.cancel",
)
def update(
    ctx: typer.Context,
    *,
    role: Name,
    permissions: Permissions = None,
    without: Without = None,
    description: Description = None,
) -> None:
    """Add permissions to a custom role, or take some out, at once for everyone who holds it."""
    t = terminal(ctx)
    found = find_role(t, role)
    body: dict[str, object] = {} if description is None else {"description": description}
    if permissions or without:
        body["permissions"] = _changed(found["permissions"], permissions, without)
    if not body:
        raise Usage("nothing to change", hint="say --permission, --without or --description")
    changed = t.client.patch(f"/roles/{found['id']}", body, version=found["version"])
    t.answer(changed, f"Changed the role {output.visible(found['name'])}.")


@verb(app, "delete", "holdfast role delete restorer\nholdfast role delete restorer --force")
def delete(
    ctx: typer.Context,
    role: Name,
    force: Annotated[bool, typer.Option("--force", help="Take it from everyone who holds it.")] = False,
) -> None:
    """Delete a custom role that nobody holds, or with --force take it from everyone who does."""
    t = terminal(ctx)
    found = find_role(t, role)
    answer = t.client.delete(f"/roles/{found['id']}", **({"force": "true"} if force else {}))
    t.answer(answer or {"deleted": found["id"]}, f"Deleted the role {output.visible(found['name'])}.")


def find_role(t: Terminal, given: str) -> dict[str, Any]:
    """By id or name. Raises NotFound."""
    for found in t.client.items("/roles"):
        if given in (found["id"], found["name"]):
            return found
    raise NotFound(f"there is no role {output.visible(given)}", hint="list them: holdfast role list")


def _changed(begin: Sequence[str], more: Sequence[str] | None, less: Sequence[str] | None) -> list[str]:
    return sorted((set(begin) | set(more or ())) - set(less or ()))
