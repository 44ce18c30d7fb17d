"""`holdfast grant`: who holds which role where."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from holdfast.kernel.ids import is_id
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import noun, verb

app = noun(
    "grant",
    "Grants: who holds which role where.",
    "holdfast grant add ada@example.org operator --project shop --env production\nholdfast grant list --project shop",
)


@verb(app, "list", "holdfast grant list --project shop\nholdfast grant list --role operator")
def list_(
    ctx: typer.Context,
    *,
    user: Annotated[str | None, typer.Option("--user", metavar="USER", help="Of this person: e-mail or id.")] = None,
    role: Annotated[str | None, typer.Option("--role", help="Of this role.")] = None,
) -> None:
    """List grants. `holdfast project members` shows everyone of a project by e-mail."""
    t = terminal(ctx)
    filters: dict[str, Any] = t.scope()
    if user is not None:
        from holdfast.features.access.accounts.cli_find import find_user

        filters["user_id"] = find_user(t, user)["id"]
    t.table(
        t.client.items("/grants", role=role, **filters),
        {
            "USER": "user_id",
            "ROLE": "role",
            "WHERE": lambda given: given["environment_id"] or given["project_id"] or "everywhere",
            "SINCE": lambda given: output.moment_text(given.get("created_at")),
            "BY": "created_by",
            "ID": "id",
        },
        empty="No grants here. Give someone a role: holdfast grant add ada@example.org operator --project shop",
    )


@verb(
    app,
    "add",
    "holdfast grant add ada@example.org admin --project shop\n"
    "holdfast grant add ada@example.org operator --project shop --env production",
)
def add(
    ctx: typer.Context,
    *,
    user: Annotated[str, typer.Argument(help="E-mail or id.")],
    role: Annotated[str, typer.Argument(help="Its name.")],
    everywhere: Annotated[bool, typer.Option("--everywhere", help="In the whole installation.")] = False,
) -> None:
    """Give someone a role in a project, in one of its environments, or everywhere."""
    t = terminal(ctx)
    who = {"user_id": user} if is_id(user, "usr") else {"email": user}
    made = t.client.post("/grants", {**who, "role": role, **_place(t, everywhere)})
    where = made["environment_id"] or made["project_id"] or "everywhere"
    t.answer(made, f"{output.visible(user)} is {output.visible(role)} in {where} now.")


@verb(app, "remove", "holdfast grant remove grt_01m7yh8jbhadr6mabq8qnxf10s")
def remove(
    ctx: typer.Context,
    grant: Annotated[str, typer.Argument(help="Its id, as `holdfast grant list` shows it.")],
) -> None:
    """Take a role away again, at once."""
    t = terminal(ctx)
    answer = t.client.delete(f"/grants/{grant}")
    t.answer(answer or {"removed": grant}, f"Removed {output.visible(grant)}.")


def _place(t: Terminal, everywhere: bool) -> dict[str, str]:
    """Said in so many words: a default project must not decide who is let in where."""
    named = bool(t.environment or t.project)
    if everywhere is named:
        raise Usage("where?", hint="say --project NAME, --project NAME --env NAME, or --everywhere")
    if everywhere:
        return {}
    if t.environment:
        return {"environment_id": str(t.environment_of()["id"])}
    return {"project_id": str(t.project_of()["id"])}
