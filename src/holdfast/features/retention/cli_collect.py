"""`holdfast repo gc`: give back the space of what no snapshot needs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from holdfast.features.backups.cli_repo import Name, app
from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.noun import verb


@verb(app, "gc", "holdfast repo gc default --dry-run\nholdfast repo gc default")
def gc(
    ctx: typer.Context,
    *,
    repository: Name,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be freed.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return the run at once instead of watching it.")] = False,
) -> None:
    """Collect garbage: the first time marks what no snapshot needs, a time after the grace deletes it.

    Every repository is collected once a week without being asked."""
    t = terminal(ctx)
    found = t.repository(repository)
    made = t.client.post(f"/repositories/{found['id']}/gc", {"dry_run": dry_run})
    if no_wait:
        t.answer(made, f"{made['run']['id']}\nWatch it: holdfast run watch {made['run']['id']}")
        return
    run = t.follow(made["run"])
    t.answer(run, _sentence(str(found["name"]), run.get("result") or {}))


def _sentence(name: str, result: dict[str, Any]) -> str:
    shown, state = output.visible(name), result.get("state")
    free, due = output.size_text(result.get("free_bytes")), output.moment_text(result.get("due_at"))
    if state == "dry_run":
        of = output.size_text(result.get("bytes"))
        return (
            f"{shown}: {free} of {of} could be freed, {output.size_text(result.get('kept_bytes'))} more is scattered."
        )
    if state == "marked" and not result.get("free_bytes"):
        return f"{shown}: nothing to collect."
    if state == "marked":
        return f"{shown}: marked {free}; it is deleted by a collection after {due}, if nobody needs it by then."
    if state == "freed":
        packs = f"{result.get('packs_deleted', 0)} packs deleted, {result.get('packs_repacked', 0)} rewritten"
        return f"{shown}: freed {output.size_text(result.get('freed_bytes'))}; {packs}.{_locked(result)}"
    return f"{shown}: nothing was deleted: {result.get('reason') or 'it is not due'} (due {due})."


def _locked(result: dict[str, Any]) -> str:
    if not result.get("locked_bytes"):
        return ""
    until = output.moment_text(result.get("locked_until"))
    return f" The store holds {output.size_text(result['locked_bytes'])} more until {until} at the latest."
