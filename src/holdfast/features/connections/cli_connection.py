"""`holdfast connection`: who is connected to a database, who waits for whom, and ending it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from holdfast.features.databases.cli import Name
from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.noun import noun, verb

app = noun(
    "connection",
    "Connections: sessions of a database, locks, tunnels.",
    """
    holdfast connection list shop
    holdfast connection locks shop
    holdfast connection end shop 4711
    """,
)
Number = Annotated[str, typer.Argument(metavar="SESSION", help="The session's number at the server.")]


@verb(app, "list", "holdfast connection list shop")
def list_(ctx: typer.Context, database: Name) -> None:
    """List sessions at a database's server, with the shape of what they run."""
    t = terminal(ctx)
    t.table(
        t.client.items(f"/databases/{t.database(database)['id']}/sessions"),
        {
            "SESSION": "id",
            "USER": "user",
            "PROGRAM": "application",
            "FROM": "address",
            "STATE": lambda item: item["state"] + (" (ours)" if item["ours"] else ""),
            "SINCE": lambda item: output.moment_text(item.get("statement_since")),
            "WAITS FOR": lambda item: ", ".join(item["blocked_by"]) or item.get("waiting_for"),
            "STATEMENT": lambda item: (item.get("statement") or "")[:60],
        },
        empty="Nobody is connected.",
    )


@verb(app, "locks", "holdfast connection locks shop")
def locks(ctx: typer.Context, database: Name) -> None:
    """Show who waits for whom, as a tree: who holds on top, who waits below."""
    t = terminal(ctx)
    found = list(t.client.items(f"/databases/{t.database(database)['id']}/locks"))
    if t.json:
        output.say_json(found)
    elif not found:
        output.say("Nobody waits for a lock.")
    else:
        for line in tree(found):
            output.say(line)


def tree(waits: list[dict[str, Any]]) -> list[str]:
    """Holders that wait for nobody first; a circle is shown once around."""
    below: dict[str, list[dict[str, Any]]] = {}
    for wait in waits:
        below.setdefault(str(wait["holder"]), []).append(wait)
    waiting = {str(wait["waiter"]) for wait in waits}
    lines: list[str] = []

    def show(session: str, depth: int, seen: frozenset[str]) -> None:
        for wait in below.get(session, ()):
            who = str(wait["waiter"])
            lines.append(f"{'  ' * depth}{who}  waits for {wait['mode']} on {output.visible(str(wait['target']))}")
            if who not in seen:
                show(who, depth + 1, seen | {who})

    for holder in [name for name in below if name not in waiting] or list(below)[:1]:
        lines.append(holder)
        show(holder, 1, frozenset({holder}))
    return lines


@verb(app, "cancel", "holdfast connection cancel shop 4711")
def cancel(ctx: typer.Context, database: Name, session: Number) -> None:
    """Cancel what a session runs; the session stays."""
    t = terminal(ctx)
    t.client.post(f"/databases/{t.database(database)['id']}/sessions/{session}/cancel")
    t.answer({"session": session, "cancelled": True}, f"Cancelled what {session} was running.")


@verb(app, "end", "holdfast connection end shop 4711")
def end(ctx: typer.Context, database: Name, session: Number) -> None:
    """End a session; what it had begun is undone."""
    t = terminal(ctx)
    t.client.delete(f"/databases/{t.database(database)['id']}/sessions/{session}")
    t.answer({"session": session, "ended": True}, f"Ended session {session}.")


@verb(app, "tunnels", "holdfast connection tunnels shop")
def tunnels(
    ctx: typer.Context,
    database: Name,
    closed: Annotated[bool, typer.Option("--closed", help="Those that are over too.")] = False,
) -> None:
    """List tunnels into a database: who, with which access, how much went through."""
    t = terminal(ctx)
    t.table(
        t.client.items(f"/databases/{t.database(database)['id']}/tunnels", closed="true" if closed else None),
        {
            "TUNNEL": "id",
            "WHO": "actor",
            "ACCESS": "access",
            "OPENED": lambda item: output.moment_text(item.get("opened_at")),
            "CLOSED": lambda item: output.moment_text(item["closed_at"]) if item.get("closed_at") else None,
            "UP": lambda item: output.size_text(item["bytes_up"]),
            "DOWN": lambda item: output.size_text(item["bytes_down"]),
        },
        empty="No tunnel is open. Open one: holdfast db connect NAME",
    )


@verb(app, "close", "holdfast connection close tun_01m7yvpr7namhfs4a12nxnamnf")
def close(ctx: typer.Context, tunnel: Annotated[str, typer.Argument(metavar="TUNNEL", help="Its id.")]) -> None:
    """Close a tunnel: its connections end, its login is removed."""
    t = terminal(ctx)
    t.client.delete(f"/tunnels/{tunnel}")
    t.answer({"tunnel": tunnel, "closed": True}, "Closed.")
