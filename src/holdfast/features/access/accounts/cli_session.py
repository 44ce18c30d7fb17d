"""`holdfast session`: where people are signed in."""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast.features.access.accounts.cli_find import find_user
from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import noun, verb

app = noun(
    "session",
    "Where people are signed in.",
    "holdfast session list --user ada@example.org\nholdfast session revoke --user ada@example.org",
)
Of = Annotated[str | None, typer.Option("--user", metavar="USER", help="Someone's, by e-mail or id.")]


@verb(app, "list", "holdfast session list --user ada@example.org")
def list_(ctx: typer.Context, user: Of = None) -> None:
    """List browsers that are signed in: your own, or someone's. Keys and the server's own socket have none."""
    t = terminal(ctx)
    path = "/sessions" if user is None else f"/users/{find_user(t, user)['id']}/sessions"
    t.table(
        t.client.items(path),
        {
            "SIGNED IN": lambda item: output.moment_text(item["created_at"]),
            "LAST SEEN": lambda item: output.moment_text(item["seen_at"]),
            "ADDRESS": "address",
            "BROWSER": "user_agent",
            "ID": "id",
        },
        empty=f"{output.visible(user)} is signed in nowhere."
        if user
        else "You have no sessions: keys and this machine need none. Someone's: holdfast session list --user E-MAIL",
    )


@verb(app, "revoke", "holdfast session revoke --user ada@example.org\nholdfast session revoke --others")
def revoke(
    ctx: typer.Context,
    *,
    session: Annotated[str | None, typer.Argument(metavar="[SESSION]", help="One of your own, by id.")] = None,
    user: Of = None,
    others: Annotated[bool, typer.Option("--others", help="All of your own but the present one.")] = False,
) -> None:
    """End one session of yours, all your others, or all of someone's. Refresh tokens end with the latter two."""
    t = terminal(ctx)
    if sum((session is not None, user is not None, others)) != 1:
        raise Usage("say which: SESSION, --others or --user USER")
    if session is not None:
        t.client.delete(f"/sessions/{session}")
        t.answer({"ended": 1}, f"Ended {output.visible(session)}.")
        return
    if user is not None:
        answer = t.client.delete(f"/users/{find_user(t, user)['id']}/sessions")
        t.answer(answer, f"Ended {answer['ended']} sessions of {output.visible(user)}.")
        return
    answer = t.client.post("/sessions/revoke-others")
    t.answer(answer, f"Ended {answer['ended']} sessions.")
