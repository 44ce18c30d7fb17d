"""`holdfast metadata`: where Holdfast keeps what it knows, and moving it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.kernel.errors import Conflict, NotFound
from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.noun import noun, verb

if TYPE_CHECKING:
    from holdfast.kernel.db import Database

_EXAMPLE = (
    "holdfast metadata copy --from sqlite+apsw:////srv/holdfast/meta/holdfast.db"
    " --to postgresql+psycopg://holdfast@db.internal/holdfast"
)
app = noun("metadata", "The metadata database: copy it, snapshots of it.", _EXAMPLE)


@verb(app, "copy", _EXAMPLE)
def copy(
    ctx: typer.Context,
    source: Annotated[str, typer.Option("--from", metavar="URL", help="Database to read; nothing in it changes.")],
    target: Annotated[str, typer.Option("--to", metavar="URL", help="Empty database to fill.")],
) -> None:
    """Copy the metadata, all of it or nothing, from a file to PostgreSQL or back. Holdfast must be stopped."""
    from holdfast import app as _every_table  # noqa: F401 - importing it makes every table known
    from holdfast.kernel.db.copy import copy_metadata, file_of

    t = terminal(ctx)
    files = [file for file in (file_of(source), file_of(target)) if file is not None]
    if files and files[0] == file_of(source) and not files[0].is_file():
        raise NotFound(f"there is no file {files[0]}")
    homes = [file.resolve().parent.parent for file in files]  # DATA/meta/holdfast.db
    with _stopped(t.settings().data, *homes), _opened(source) as old, _opened(target) as new:
        told = (lambda _table, _rows: None) if t.json else _progress
        done = copy_metadata(old, new, told)
    rows = sum(table.rows for table in done)
    answer = {"tables": [{"name": each.name, "rows": each.rows, "digest": each.digest} for each in done], "rows": rows}
    t.answer(answer, f"{len(done)} tables with {rows} rows were copied, read back and compared.")
    if not t.json:
        output.note("Start Holdfast with HOLDFAST_DATABASE_URL set to the new database, and the same master key.")


def _progress(table: str, rows: int) -> None:
    output.note(f"{table}: {rows} rows")


@contextmanager
def _stopped(*directories: Path) -> Iterator[None]:
    """No Holdfast runs on these data directories, and none starts meanwhile. Raises Conflict("keeper_running")."""
    from holdfast.hosts.keeper import alone_on

    with ExitStack() as stack:
        for data in sorted(set(directories)):
            stack.enter_context(alone_on(data))
        yield


@contextmanager
def _opened(url: str) -> Iterator[Database]:
    import sqlalchemy as sa

    from holdfast.kernel.db import Database

    db = Database(url)
    try:
        with db.read() as conn:
            conn.execute(sa.select(1))
        yield db
    except sa.exc.OperationalError as error:
        raise Conflict(
            f"cannot work on {db.url.render_as_string()}: {str(error.orig).splitlines()[0]}",
            code="metadata_unreachable",
            hint="Nothing was copied. Check the address, the password and the right to create tables there.",
        ) from error
    finally:
        db.close()
