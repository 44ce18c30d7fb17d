"""`holdfast usage`: what is used of each limit, and what is left."""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast.features.limits.cli_words import amount_text, bar, subject_of, window_text
from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import verb

usage = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@verb(usage, "usage", "holdfast usage\nholdfast usage --for project:default")
def show(
    ctx: typer.Context,
    *,
    whose: Annotated[
        str | None, typer.Option("--for", metavar="WHOSE", help="key:NAME, user:E-MAIL or project:NAME.")
    ] = None,
) -> None:
    """Show what is used and left of each limit."""
    t = terminal(ctx)
    asked = {}
    if whose is not None:
        kind, subject_id = subject_of(t, whose)
        if subject_id is None:
            raise Usage("usage is of one key, person or project", hint="say key:NAME, user:E-MAIL or project:NAME")
        asked = {"subject": kind, "subject_id": subject_id}
    found = t.client.get("/usage", **asked)
    if t.json:
        output.say_json(found)
        return
    if found["subject"] is None:
        output.say("You have no limits here. Those of others: holdfast usage --for project:default")
        return
    rows = [
        [
            item["what"],
            bar(item),
            amount_text(item["what"], item["used"]),
            amount_text(item["what"], item["limit"]),
            window_text(item["window_seconds"]),
            output.moment_text(item["reset_at"]),
            "nearly reached" if item["near"] else "",
        ]
        for item in found["items"]
    ]
    output.table(["WHAT", "", "USED", "LIMIT", "WINDOW", "COMES BACK", ""], rows, right=("USED", "LIMIT"))
