"""`holdfast repo`: where snapshots live."""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.noun import noun, verb

app = noun("repo", "Repositories: where snapshots live.", "holdfast repo list\nholdfast repo check default")
Name = Annotated[str, typer.Argument(metavar="REPOSITORY", help="Name or id.", show_default=False)]


@verb(app, "list", "holdfast repo list")
def list_(ctx: typer.Context) -> None:
    """List repositories."""
    t = terminal(ctx)
    t.table(
        t.client.items("/repositories", project_id=t.scope().get("project_id")),
        {
            "NAME": "name",
            "WHERE": lambda item: item.get("location") or item.get("path") or item.get("url"),
            "SNAPSHOTS": "snapshots",
            "ID": "id",
        },
        empty="No repositories yet. The first snapshot makes one: holdfast snapshot create shop",
    )


@verb(app, "check", "holdfast repo check default --read-data")
def check(
    ctx: typer.Context,
    repository: Name,
    read_data: Annotated[
        bool, typer.Option("--read-data", help="Read and hash every byte, not only the structure.")
    ] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return the run at once instead of watching it.")] = False,
) -> None:
    """Check a repository's structure; exits 1 when anything is wrong."""
    t = terminal(ctx)
    found = t.find("/repositories", repository, "repository", "repo")
    made = t.client.post(f"/repositories/{found['id']}/check", {"read_data": read_data})
    run = t.follow(made["run"], wait=not no_wait)
    if no_wait:
        t.answer(made, str(run["id"]))
        return
    t.answer(run, f"{output.visible(str(found['name']))} is sound: {output.value_text(run.get('result') or {})}")


@verb(app, "key", "holdfast repo key default > recovery-kit.txt")
def key(ctx: typer.Context, repository: Name) -> None:
    """Reveal a repository's password, for stock restic and the recovery kit. Every reveal is audited."""
    t = terminal(ctx)
    found = t.find("/repositories", repository, "repository", "repo")
    answer = t.client.post(f"/repositories/{found['id']}/key", {})
    if t.json:
        output.say_json(answer)
        return
    output.say(str(answer.get("password") or answer.get("key")))
    where = answer.get("location") or answer.get("path") or found.get("location") or found.get("path")
    if where:
        output.note(
            f"With stock restic: restic -r {where} snapshots. Keep this password somewhere else than this machine."
        )
