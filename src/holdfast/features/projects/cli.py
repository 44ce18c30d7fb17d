"""`holdfast project`: what belongs together."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.noun import Confirmed, noun, verb

app = noun("project", "Projects: what belongs together.", "holdfast project create shop\nholdfast project list")
Name = Annotated[str, typer.Argument(metavar="PROJECT", help="Name or id.", show_default=False)]


@verb(app, "list", "holdfast project list")
def list_(ctx: typer.Context) -> None:
    """List projects."""
    t = terminal(ctx)
    t.table(
        t.client.items("/projects"),
        {"NAME": "name", "CREATED": lambda item: output.moment_text(item.get("created_at")), "ID": "id"},
        empty="No projects yet. Create one: holdfast project create shop",
    )


@verb(app, "create", "holdfast project create shop")
def create(ctx: typer.Context, name: Annotated[str, typer.Argument(help="Name of the new project.")]) -> None:
    """Create a project with its environments development, staging and production."""
    t = terminal(ctx)
    made = t.client.post("/projects", {"name": name})
    t.answer(made, f"Created project {output.visible(name)}.")


@verb(app, "show", "holdfast project show shop")
def show(ctx: typer.Context, project: Name) -> None:
    """Show a project and its environments."""
    t = terminal(ctx)
    found = t.project_of(project)
    environments: list[dict[str, Any]] = list(t.client.items(f"/projects/{found['id']}/environments"))
    if t.json:
        output.say_json(found | {"environments": environments})
        return
    output.record(
        {
            "Name": found["name"],
            "Id": found["id"],
            "Created": output.moment_text(found.get("created_at")),
            "Environments": ", ".join(str(env["name"]) for env in environments) or "none",
        }
    )


@verb(app, "members", "holdfast project members shop")
def members(ctx: typer.Context, project: Name) -> None:
    """List who may do something in a project, and by which role."""
    t = terminal(ctx)
    t.table(
        t.client.items(f"/projects/{t.project_of(project)['id']}/members"),
        {
            "E-MAIL": "email",
            "NAME": "name",
            "ROLE": "role",
            "WHERE": lambda item: item["environment_id"] or ("the project" if item["project_id"] else "everywhere"),
            "GRANT": "grant_id",
        },
        empty="Nobody yet. Let someone in: holdfast grant add ada@example.org developer --project shop",
    )


@verb(app, "delete", "holdfast project delete shop --confirm shop")
def delete(
    ctx: typer.Context,
    project: Name,
    confirm: Confirmed = None,
) -> None:
    """Delete an empty project."""
    t = terminal(ctx)
    found = t.project_of(project)
    name = t.confirm(found["name"], confirm, "deletes a project")
    answer = t.client.delete(f"/projects/{found['id']}", {"confirm": name})
    t.answer(answer or {"deleted": found["id"]}, f"Deleted project {output.visible(name)}.")
