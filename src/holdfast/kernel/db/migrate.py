"""Bring the metadata database to the newest schema: all of it or nothing, with a copy of the file taken first.

Alembic is imported only where there is something to do: a process that finds the newest schema starts without it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import sqlalchemy as sa

from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.db.tables import metadata
from holdfast.kernel.errors import Corrupt, NeedsOperator

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

SCRIPTS = Path(__file__).parent / "migrations"
_NAMED = re.compile(r"""^(revision|down_revision)\b[^=\n]*=\s*(?:["']([^"']*)["']|None)""", re.MULTILINE)


def scripts_of(folder: Path) -> ScriptDirectory:
    """The revisions below `folder/versions`."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def bring_up_to_date(engine: sa.Engine, folder: Path = SCRIPTS) -> Path | None:
    """Run every missing revision in one transaction; the copy made before, or None when none was needed.

    Killed at any moment, the database is wholly old or wholly new. Two processes may try at once: the second waits and
    finds nothing to do. Raises NeedsOperator when the database is newer than this program.
    """
    embedded = engine.dialect.name == "sqlite"
    with engine.connect() as conn:
        current = _current(conn)
        if set(current) == newest(folder):
            return None
        scripts = scripts_of(folder)
        _must_be_known(scripts, current)
        conn.rollback()
        copy = _copy(conn, Path(str(engine.url.database)), current) if embedded and current else None
        if embedded:
            # Rebuilding a table would otherwise delete the rows that point to it; checked before the commit below.
            conn.exec_driver_sql("PRAGMA foreign_keys=OFF")
            conn.rollback()
        try:
            _upgrade(conn, scripts, embedded)
        finally:
            conn.invalidate()  # never back to the pool with foreign keys off
    return copy


def is_newest(conn: sa.Connection) -> bool:
    """Whether the schema is this version's."""
    return set(_current(conn)) == newest(SCRIPTS)


def newest(folder: Path) -> set[str]:
    """The revisions below `folder/versions` that none comes after: what alembic calls heads, read without it."""
    found = [dict(_NAMED.findall(file.read_text())) for file in sorted((folder / "versions").glob("*.py"))]
    return {each["revision"] for each in found if "revision" in each} - {each.get("down_revision") for each in found}


def _current(conn: sa.Connection) -> Sequence[str]:
    """The revisions the database has; none when it is empty."""
    if not sa.inspect(conn).has_table("alembic_version"):
        return ()
    return tuple(conn.execute(sa.text("SELECT version_num FROM alembic_version")).scalars())


def _must_be_known(scripts: ScriptDirectory, current: Sequence[str]) -> None:
    from alembic.util.exc import CommandError

    for revision in current:
        try:
            scripts.get_revision(revision)
        except CommandError as error:
            raise NeedsOperator(
                f"the metadata database has schema {revision}, which this version does not know",
                code="schema_too_new",
                hint="Start the newer version of Holdfast that wrote it, or restore the copy beside the database.",
            ) from error


def _upgrade(conn: sa.Connection, scripts: ScriptDirectory, embedded: bool) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext

    def steps(revision: Any, _context: Any) -> Any:
        return scripts._upgrade_revs("heads", revision)

    with conn.begin():
        if embedded:
            conn.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            conn.execute(sa.select(sa.func.pg_advisory_xact_lock(0x486F6C6466617374)))
        with EnvironmentContext(Config(), scripts, fn=steps) as environment:
            environment.configure(
                connection=conn, target_metadata=metadata, transactional_ddl=True, render_as_batch=embedded
            )
            environment.run_migrations()
        if embedded:
            _check_references(conn)
        crash_point("migrate.before_commit")
    crash_point("migrate.done")


def _check_references(conn: sa.Connection) -> None:
    broken = conn.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise Corrupt(
            f"the migration would leave a row of {broken[0]} pointing at nothing in {broken[2]}; nothing was changed",
            code="schema_migration_failed",
        )


def _copy(conn: sa.Connection, file: Path, current: Sequence[str]) -> Path:
    """`NAME.before-REVISION`, complete and on disk before anything changes."""
    target = file.with_name(f"{file.name}.before-{'-'.join(current)}")
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    source: apsw.Connection = conn.connection.driver_connection.driver_connection  # type: ignore[union-attr]
    copied = apsw.Connection(str(partial))
    try:
        with copied.backup("main", source, "main") as backup:
            backup.step()
        copied.execute("PRAGMA journal_mode=DELETE")
    finally:
        copied.close()
    partial.chmod(0o600)
    _sync(partial)
    partial.rename(target)
    _sync(target.parent)
    return target


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
