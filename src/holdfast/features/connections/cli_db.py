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


@verb(
    app,
    "expose",
    """
    holdfast db expose shop --allow 10.0.0.0/8 --name db.example.org
    holdfast db expose shop --allow 192.0.2.7 --port 6432 --certificate chain.pem --key key.pem
    """,
)
def expose(
    ctx: typer.Context,
    *,
    database: Name,
    allow: Annotated[list[str], typer.Option("--allow", metavar="NETWORK", help="Whom to let in; repeatable.")],
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 0,
    listen: Annotated[str, typer.Option("--listen", metavar="ADDRESS", help="Where to listen.")] = "0.0.0.0",  # noqa: S104
    names: Annotated[
        list[str] | None, typer.Option("--name", metavar="HOST", help="Name for the certificate; repeatable.")
    ] = None,
    certificate: Annotated[
        typer.FileText | None, typer.Option("--certificate", help="Your own, PEM, with its chain.")
    ] = None,
    key: Annotated[typer.FileText | None, typer.Option("--key", help="Its private key, PEM.")] = None,
    confirm: Annotated[
        str | None, typer.Option("--confirm", metavar="NAME", help="The name again: asked for in production.")
    ] = None,
) -> None:
    """Open a database's port to listed addresses, over TLS alone. Closed unless opened."""
    t = terminal(ctx)
    found = t.database(database)
    body = {
        "allow": allow,
        "port": port,
        "host": listen,
        "names": names or ["localhost"],
        "certificate": certificate.read() if certificate else "",
        "key": key.read() if key else "",
        "confirm": confirm or "",
    }
    made = t.client.put(f"/databases/{found['id']}/exposure", body)
    where = f"{made['names'][0]}:{made['port']}"
    trust = "" if made["uploaded"] else "\nClients trust: holdfast db authority > ca.pem"
    t.answer(made, f"Open to {', '.join(made['allow'])} at {where}, over TLS.{trust}")


@verb(app, "unexpose", "holdfast db unexpose shop")
def unexpose(ctx: typer.Context, database: Name) -> None:
    """Close a database's port again; connections through it end."""
    t = terminal(ctx)
    found = t.database(database)
    t.client.delete(f"/databases/{found['id']}/exposure")
    t.answer({"database": found["id"], "open": False}, "Closed.")


@verb(app, "authority", "holdfast db authority > ca.pem")
def authority(ctx: typer.Context) -> None:
    """Print the certificate that clients of opened databases trust (psql: sslrootcert)."""
    t = terminal(ctx)
    text = str(t.client.get("/tls-authority") or "")
    t.answer({"certificate": text}, text.rstrip() or "No database was ever opened.")
