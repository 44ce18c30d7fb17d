"""`holdfast masking`: what is done to copies of production."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.noun import Confirmed, noun, verb

app = noun(
    "masking",
    "Masking profiles: what is done to a copy of production before anyone sees it.",
    """
    holdfast masking create no-names --engine postgresql --file mask.sql
    holdfast snapshot restore latest:shop --as shop-copy --env staging --masking no-names
    """,
)
Profile = Annotated[str, typer.Argument(help="Name or id.")]
File = Annotated[Path, typer.Option("--file", exists=True, dir_okay=False, help="One statement per paragraph.")]


@verb(app, "create", "holdfast masking create no-names --engine postgresql --file mask.sql")
def create(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Argument(help="Name of the new profile.")],
    engine: Annotated[str, typer.Option("--engine", help="Whose language the statements are in.")],
    file: File,
    description: Annotated[str, typer.Option("--description", help="What it hides.")] = "",
) -> None:
    """Create a profile from a file: statements apart by empty lines, run in order on each copy."""
    t = terminal(ctx)
    body = {"name": name, "engine": engine, "statements": paragraphs(file), "description": description}
    made = t.client.post(f"/projects/{t.project_of()['id']}/masking-profiles", body)
    t.answer(made, f"Created masking profile {output.visible(name)} with {len(made['statements'])} statements.")


@verb(app, "list", "holdfast masking list --project shop")
def list_(ctx: typer.Context) -> None:
    """List a project's profiles."""
    t = terminal(ctx)
    t.table(
        t.client.items(f"/projects/{t.project_of()['id']}/masking-profiles"),
        {
            "NAME": "name",
            "ENGINE": "engine",
            "STATEMENTS": lambda item: str(len(item["statements"])),
            "DESCRIPTION": "description",
            "ID": "id",
        },
        empty="No masking profiles yet. Create one: holdfast masking create NAME --engine ENGINE --file mask.sql",
    )


@verb(app, "show", "holdfast masking show no-names")
def show(ctx: typer.Context, profile: Profile) -> None:
    """Show a profile's statements."""
    t = terminal(ctx)
    found = _find(t, profile)
    t.answer(found, "\n\n".join(found["statements"]))


@verb(app, "update", "holdfast masking update no-names --file mask.sql")
def update(ctx: typer.Context, profile: Profile, file: File) -> None:
    """Replace a profile's statements. Copies made before stay as they are."""
    t = terminal(ctx)
    found = _find(t, profile)
    body = {"statements": paragraphs(file)}
    changed = t.client.patch(f"/masking-profiles/{found['id']}", body, found["version"])
    t.answer(changed, f"Changed masking profile {output.visible(found['name'])}.")


@verb(app, "delete", "holdfast masking delete no-names --confirm no-names")
def delete(
    ctx: typer.Context,
    profile: Profile,
    confirm: Confirmed = None,
) -> None:
    """Delete a profile."""
    t = terminal(ctx)
    found = _find(t, profile)
    name = t.confirm(found["name"], confirm, "deletes a masking profile")
    t.client.delete(f"/masking-profiles/{found['id']}", {"confirm": name})
    t.answer({"deleted": found["id"]}, f"Deleted masking profile {output.visible(name)}.")


def _find(t: Terminal, name: str) -> dict[str, Any]:
    return t.find(f"/projects/{t.project_of()['id']}/masking-profiles", name, "masking profile", "msk")


def paragraphs(file: Path) -> list[str]:
    """Statements apart by empty lines: no engine's own way of ending one is guessed at."""
    parts = file.read_text(encoding="utf-8").replace("\r\n", "\n").split("\n\n")
    return [part.strip() for part in parts if part.strip()]
