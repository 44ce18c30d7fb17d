"""`holdfast db connect`: a stock client on a database, through the API."""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast.features.databases.cli import Name, app
from holdfast.terminal.context import terminal
from holdfast.terminal.noun import verb


@verb(
    app,
    "connect",
    """
    holdfast db connect shop
    holdfast db connect shop --access rw -- -c "select count(*) from orders"
    holdfast db connect shop --print-url
    """,
)
def connect(
    ctx: typer.Context,
    *,
    database: Name,
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="-- ARGUMENTS", help="Passed on to the client program.")
    ] = None,
    access: Annotated[str, typer.Option("--access", help="Whose rights: ro, rw or owner.")] = "ro",
    print_url: Annotated[
        bool, typer.Option("--print-url", help="Print a connection URL and keep the tunnel open until Ctrl-C.")
    ] = False,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Local port; 0 takes a free one.")] = 0,
    seconds: Annotated[int, typer.Option("--seconds", min=60, help="How long the tunnel lives at most.")] = 3600,
) -> None:
    """Run psql or another stock client on a database, with a temporary login and your own rights."""
    from holdfast.features.connections.cli_connect import Wish, run

    t = terminal(ctx)
    found = t.database(database)
    wish = Wish(found["id"], access, seconds, port, tuple(arguments or ()), print_url, t.json)
    raise typer.Exit(run(t.client, wish))
