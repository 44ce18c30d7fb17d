"""`holdfast snapshot import`: a dump that another tool made becomes a snapshot of a database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.features.backups.cli import Level, NoWait, app
from holdfast.features.transfers.cli_import import opened, send
from holdfast.kernel.errors import HoldfastError
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import verb

_MOST_KEY = 20_000


@verb(
    app,
    "import",
    """
    holdfast snapshot import shop.dump --db shop --tag before-migration
    holdfast snapshot import shop.sql.gz.age --db shop --identity key.txt
    pg_dump -Fc old | holdfast snapshot import - --db shop
    """,
)
def run(
    ctx: typer.Context,
    *,
    file: Annotated[str, typer.Argument(help="pg_dump -Fc or SQL, a SQLite file or .dump, an RDB; - reads a pipe.")],
    database: Annotated[str, typer.Option("--db", metavar="NAME", help="Database whose snapshot it becomes.")],
    repository: Annotated[str | None, typer.Option("--repo", help="Repository, by name or id.")] = None,
    tags: Annotated[list[str] | None, typer.Option("--tag", help="A tag; may be given again.")] = None,
    level: Level = None,
    passphrase_file: Annotated[
        Path | None,
        typer.Option("--passphrase-file", exists=True, dir_okay=False, help="A file whose first line opens the dump."),
    ] = None,
    identity: Annotated[
        Path | None, typer.Option("--identity", exists=True, dir_okay=False, help="An age identity file.")
    ] = None,
    no_wait: NoWait = False,
) -> None:
    """Take a dump in as a snapshot: loaded into a scratch database, stored and proven like any other.

    gzip, zstd, bzip2, age, GPG and AES-256 are recognised. The database itself is not touched: restore the snapshot
    into a new one, or in place. No plan counts it and no retention policy deletes it.
    """
    t = terminal(ctx)
    found = t.database(database)
    body: dict[str, Any] = _keys(passphrase_file, identity) | {"tags": list(tags or ())}
    if level is not None:
        body["level"] = level
    if repository:
        body["repository_id"] = t.repository(repository)["id"]
    made = taken_in(t, found["id"], file, body)
    if no_wait:
        t.answer(made, f"{made['run']['id']}\nWatch it: holdfast run watch {made['run']['id']}")
        return
    done = t.follow(made["run"])
    snapshot = t.client.get(f"/snapshots/{made['snapshot']['id']}")
    notes = "".join(f"\n{output.visible(str(note))}" for note in (done.get("result") or {}).get("notes") or ())
    words = f"{snapshot['id']}  {output.size_text(snapshot['source_bytes'])}, proven to L{snapshot['verified_level']}"
    t.answer({"snapshot": snapshot, "run": done}, f"{words}{notes}")


def taken_in(t: Terminal, database_id: str, file: str, body: dict[str, Any]) -> dict[str, Any]:
    """The snapshot and its run. A file that is refused at once leaves nothing at the server."""
    with opened(file) as (source, name, size):
        upload = send(t, database_id, source, name, size)
    try:
        made: dict[str, Any] = t.client.post(
            f"/databases/{database_id}/snapshot-imports", {**body, "upload_id": upload}
        )
    except HoldfastError:
        t.client.delete(f"/uploads/{upload}")
        raise
    return made


def _keys(passphrase_file: Path | None, identity: Path | None) -> dict[str, Any]:
    if passphrase_file is not None and identity is not None:
        raise Usage("a passphrase or an identity, not both", hint="leave one of them out")
    if passphrase_file is not None:
        with passphrase_file.open() as file:
            return {"passphrase": file.readline().rstrip("\r\n")}
    if identity is not None:
        with identity.open() as file:
            return {"identities": file.read(_MOST_KEY)}
    return {}
