"""`holdfast limit`: how much keys, people, projects and addresses may do."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from holdfast.features.limits.cli_words import WHOSE, amount_of, amount_text, subject_of, window_text
from holdfast.kernel.errors import NotFound
from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.noun import noun, verb

app = noun("limit", "Limits: how much may be done.", "holdfast limit set calls 5000 --for key:ci")
What = Annotated[str, typer.Argument(help="calls, burst, backups, downloads or storage.", show_default=False)]
Whose = Annotated[str, typer.Option("--for", metavar="WHOSE", help=WHOSE.replace("; or", ";") + ".")]


@verb(app, "list", "holdfast limit list\nholdfast limit list --shipped")
def list_(
    ctx: typer.Context,
    *,
    shipped: Annotated[bool, typer.Option("--shipped", help="What holds where nothing was set.")] = False,
) -> None:
    """List the limits that were set."""
    t = terminal(ctx)
    columns: dict[str, Any] = {
        "FOR": lambda item: item["subject"] if item.get("subject_id") else f"every {item['subject']}",
        "WHAT": "what",
        "LIMIT": lambda item: amount_text(item["what"], item["amount"]),
        "WINDOW": lambda item: window_text(item["window_seconds"]),
    }
    if shipped:
        t.table(t.client.get("/limits/shipped"), columns, empty="-", right=("LIMIT",))
        return
    columns |= {"WHOSE": "subject_id", "CHANGED": lambda item: output.moment_text(item["changed_at"]), "ID": "id"}
    empty = "No limits were set: those of `holdfast limit list --shipped` hold."
    t.table(t.client.items("/limits"), columns, empty=empty, right=("LIMIT",))


@verb(
    app,
    "set",
    """
    holdfast limit set calls 5000 --for key:ci
    holdfast limit set downloads 50 --for keys
    holdfast limit set storage 100GiB --for project:default
    """,
)
def set_(
    ctx: typer.Context,
    *,
    what: What,
    amount: Annotated[str, typer.Argument(help="A number, a size such as 10GiB, or none.", show_default=False)],
    whose: Whose,
    window: Annotated[
        int | None, typer.Option("--window", min=1, help="Within how many seconds; as shipped when not given.")
    ] = None,
) -> None:
    """Set a limit. It holds from the next call on."""
    t = terminal(ctx)
    kind, subject_id = subject_of(t, whose)
    body = {"subject": kind, "subject_id": subject_id, "what": what, "amount": amount_of(amount)}
    made = t.client.put("/limits", {**body, "window_seconds": window})
    text = f"{amount_text(what, made['amount'])} {window_text(made['window_seconds'])}"
    t.answer(made, f"Limit of {what} for {output.visible(whose)}: {text}.")


@verb(app, "clear", "holdfast limit clear calls --for key:ci")
def clear(ctx: typer.Context, *, what: What, whose: Whose) -> None:
    """Go back to the default."""
    t = terminal(ctx)
    wanted = (*subject_of(t, whose), what)
    for item in t.client.items("/limits"):
        if (item["subject"], item["subject_id"], item["what"]) == wanted:
            t.client.delete(f"/limits/{item['id']}")
            t.answer({"cleared": item["id"]}, f"The default limit of {what} holds again for {output.visible(whose)}.")
            return
    raise NotFound(f"no limit of {what} was set for {whose}", hint="list them: holdfast limit list")
