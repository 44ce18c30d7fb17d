"""`holdfast env`: the environments of a project."""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.noun import Confirmed, noun, verb

app = noun("env", "Environments of a project.", "holdfast env list --project shop\nholdfast env create preview")


@verb(app, "list", "holdfast env list --project shop")
def list_(ctx: typer.Context) -> None:
    """List a project's environments."""
    t = terminal(ctx)
    t.table(
        t.client.items(f"/projects/{t.project_of()['id']}/environments"),
        {"NAME": "name", "KIND": "kind", "COLOUR": "colour", "ID": "id"},
        empty="No environments yet. Create one: holdfast env create development",
    )


@verb(app, "create", "holdfast env create preview --kind development")
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the new environment.")],
    kind: Annotated[str | None, typer.Option("--kind", help="development, staging or production.")] = None,
) -> None:
    """Create an environment in a project."""
    t = terminal(ctx)
    body = {"name": name} | ({"kind": kind} if kind else {})
    made = t.client.post(f"/projects/{t.project_of()['id']}/environments", body)
    t.answer(made, f"Created environment {output.visible(name)}.")


@verb(app, "show", "holdfast env show staging --project shop")
def show(ctx: typer.Context, environment: Annotated[str, typer.Argument(help="Name or id.")]) -> None:
    """Show an environment."""
    t = terminal(ctx)
    found = t.environment_of(environment)
    if t.json:
        output.say_json(found)
    else:
        output.record(
            {
                "Name": found["name"],
                "Id": found["id"],
                "Kind": found["kind"],
                "Project": found["project_id"],
                "Copies": "masked only" if found["masking_required"] else "with the permission",
                "Restores": "refused" if found["kind"] == "production" and not found["restore_allowed"] else "allowed",
                "Created": f"{output.moment_text(found.get('created_at'))}, by {found.get('created_by')}",
            }
        )


@verb(app, "update", "holdfast env update production --allow-restore\nholdfast env update production --require-masking")
def update(
    ctx: typer.Context,
    *,
    environment: Annotated[str, typer.Argument(help="Name or id.")],
    name: Annotated[str | None, typer.Option("--name", help="Another name.")] = None,
    colour: Annotated[str | None, typer.Option("--colour", help="A word such as red, or #aabbcc.")] = None,
    restore: Annotated[
        bool | None, typer.Option("--allow-restore/--refuse-restore", help="Whether restores into production may run.")
    ] = None,
    masking: Annotated[
        bool | None,
        typer.Option("--require-masking/--no-masking", help="Whether copies out of production must be masked."),
    ] = None,
) -> None:
    """Change an environment's name, colour or production switches."""
    t = terminal(ctx)
    found = t.environment_of(environment)
    given = {"name": name, "colour": colour, "restore_allowed": restore, "masking_required": masking}
    body = {key: value for key, value in given.items() if value is not None}
    changed = t.client.patch(f"/environments/{found['id']}", body, found["version"])
    t.answer(changed, f"Changed environment {output.visible(changed['name'])}.")


@verb(app, "delete", "holdfast env delete preview --confirm preview")
def delete(
    ctx: typer.Context,
    environment: Annotated[str, typer.Argument(help="Name or id.")],
    confirm: Confirmed = None,
) -> None:
    """Delete an empty environment."""
    t = terminal(ctx)
    found = t.environment_of(environment)
    name = t.confirm(found["name"], confirm, "deletes an environment")
    answer = t.client.delete(f"/environments/{found['id']}", {"confirm": name})
    t.answer(answer or {"deleted": found["id"]}, f"Deleted environment {output.visible(name)}.")
