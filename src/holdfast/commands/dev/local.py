"""Where `dev` keeps what a worker stores: one SQLite file for each namespace and database, below `.holdfast/dev`."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import apsw

from holdfast.kernel.errors import Invalid
from holdfast.runtime.bindings.kv_file import KvFile


class LocalState:
    """`<folder>/.holdfast/dev`, made when it is not there. It stays when `dev` ends."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / ".holdfast" / "dev"
        self.root.mkdir(parents=True, exist_ok=True)
        ignore = folder / ".holdfast" / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")  # rows of a local database are not to be committed

    def namespace(self, name: str) -> Path:
        """The file of a KV namespace."""
        path = self._file("kv", name)
        if not path.exists():
            KvFile.open(path, create=True).close()
        return path

    def database(self, name: str) -> Path:
        """The file of a D1 database."""
        path = self._file("d1", name)
        if not path.exists():
            connection = apsw.Connection(str(path))
            connection.execute("pragma journal_mode = wal")
            connection.close()
        return path

    def migrate(self, path: Path, folder: Path, table: str) -> list[str]:
        """Apply the `*.sql` of `folder` that were not applied yet, in order of name, each whole or not at all; says
        which. Kept in `table`, in Wrangler's form. Raises Invalid("migration_failed") naming the file."""
        files = sorted(folder.glob("*.sql")) if folder.is_dir() else []
        if not files:
            return []
        quoted = '"' + table.replace('"', '""') + '"'
        connection = apsw.Connection(str(path))
        try:
            connection.set_busy_timeout(5000)
            connection.execute(
                f"create table if not exists {quoted} (id integer primary key autoincrement, name text unique, "
                "applied_at timestamp default current_timestamp not null)"
            )
            done = {name for (name,) in connection.execute(f"select name from {quoted}")}
            new = [each for each in files if each.name not in done]
            for file in new:
                _apply(connection, file, quoted)
            return [each.name for each in new]
        finally:
            connection.close()

    def _file(self, kind: str, name: str) -> Path:
        directory = self.root / kind
        directory.mkdir(mode=0o700, exist_ok=True)
        return directory / f"{quote(name, safe=' ')[:200]}.db"


def _apply(connection: apsw.Connection, file: Path, table: str) -> None:
    try:
        with connection:
            connection.execute(file.read_text())
            connection.execute(f"insert into {table} (name) values (?)", (file.name,))
    except (apsw.Error, UnicodeDecodeError) as error:
        raise Invalid(
            f"{file.parent.name}{os.sep}{file.name}: {error}",
            code="migration_failed",
            hint="Nothing of this file was applied.",
        ) from error
