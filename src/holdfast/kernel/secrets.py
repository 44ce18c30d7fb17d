"""Stored secrets: a data key per environment seals values, the master key seals data keys, and lives elsewhere.

A ciphertext is bound to project, environment, resource, name and version: copied to another row it does not open.
Which master key wraps is a row (`master_keys`), read in the transaction that wraps: a process that has not heard of a
rotation yet cannot wrap with a key that is about to be destroyed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from holdfast.kernel import log
from holdfast.kernel.crypto import Key, aad_of, new_key, open_sealed, seal, sealed_by
from holdfast.kernel.db import Database, Timestamp, metadata
from holdfast.kernel.db.upsert import insert_new
from holdfast.kernel.errors import Corrupt, NeedsOperator, NotFound
from holdfast.kernel.ids import new_id
from holdfast.kernel.master import (
    VARIABLE,
    EnvironmentSource,
    FileSource,
    MasterKey,
    MasterKeys,
    MasterKeySource,
    fixed,
)

master_keys = sa.Table(
    "master_keys",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),  # current, retiring, retired
    sa.Column("since", Timestamp, nullable=False),
)
data_keys = sa.Table(
    "data_keys",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("project_id", sa.Text, nullable=False),
    sa.Column("environment_id", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("wrapped", sa.Text, nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.UniqueConstraint("environment_id", "version"),
)
secrets = sa.Table(
    "secrets",
    metadata,
    sa.Column("environment_id", sa.Text, primary_key=True),
    sa.Column("resource_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("data_key_id", sa.Text, sa.ForeignKey("data_keys.id"), nullable=False),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
)

_LOOKS = 10  # a rotation switches once in minutes: the second look finds its key
SYSTEM = "system"  # the environment id of what belongs to the installation itself


@dataclass(frozen=True)
class Sealed:
    """A table of ciphertexts: it has `environment_id`, `data_key_id` (a foreign key) and `sealed`.

    `bound` are the columns a ciphertext is bound to, besides `purpose`, project and environment; with the environment
    they name one row. The foreign key keeps a data key alive that some row still needs.
    """

    purpose: str
    table: sa.Table
    bound: tuple[str, ...]

    def aad(self, project_id: str, row: Mapping[Any, Any]) -> bytes:
        return aad_of(self.purpose, project_id, row["environment_id"], *(row[name] for name in self.bound))

    def moved(self) -> sa.Update:
        """One row's new ciphertext, unless someone has changed the row: for `executemany` with `key_of`, and
        `old`, `fresh` and `key_id`."""
        c = self.table.c
        same = [c[name] == sa.bindparam(f"its_{name}") for name in ("environment_id", *self.bound)]
        found = self.table.update().where(*same, c.sealed == sa.bindparam("old"))
        return found.values(sealed=sa.bindparam("fresh"), data_key_id=sa.bindparam("key_id"))

    def key_of(self, row: Mapping[Any, Any]) -> dict[str, Any]:
        return {f"its_{name}": row[name] for name in ("environment_id", *self.bound)}


INTERNAL = Sealed("secret", secrets, ("resource_id", "name", "version"))


def load_master_key(path: Path, environ: Mapping[str, str] | None = None) -> MasterKey:
    """The newest master key from HOLDFAST_MASTER_KEY, else from `path`, made 0600 at the first start.

    Raises `NeedsOperator`: malformed, readable by others, or not ours to read.
    """
    given = EnvironmentSource(os.environ if environ is None else environ)
    source: MasterKeySource = given if given.exists() else FileSource(path)
    return source.read()[0]


def master_key_of(db: Database, source: Path | MasterKeySource) -> MasterKeys:
    """The keys of `source` (a path: HOLDFAST_MASTER_KEY goes before it), but no new key is made for data that was
    sealed by one already (a copied or moved disk). Raises NeedsOperator (code "master_key_missing") then.
    """
    if isinstance(source, Path):
        given = EnvironmentSource(os.environ)
        source = given if given.exists() else FileSource(source)
    if not source.exists():
        with db.read() as conn:
            sealed = conn.execute(sa.select(data_keys.c.wrapped).limit(1)).scalar()
        if sealed is not None:
            raise NeedsOperator(
                f"this data was sealed by the master key {sealed_by(sealed)}, and there is no {source.where}",
                code="master_key_missing",
                hint=f"Copy the key file there, or name its place with HOLDFAST_MASTER_KEY_FILE, or set {VARIABLE}. "
                "A recovery kit holds it too.",
            )
    keys = MasterKeys(source)
    keys.read()
    return keys


class Secrets:
    """Put, get and delete in the caller's transaction. Values that were read are cut out of the log from then on."""

    def __init__(self, db: Database, master: MasterKey | MasterKeys) -> None:
        self._db = db
        self.master = fixed(master) if isinstance(master, MasterKey) else master
        self._opened: dict[str, Key] = {}

    def check(self) -> None:
        """At the start: does this master key open this installation? Raises `NeedsOperator("master_key_wrong")`."""
        with self._db.write() as conn:
            self.wrapping_key(conn)  # before the look below: of several first starts, one makes the data key
            row = current_data_key(conn, SYSTEM)
            if row is None:
                self.open_environment(conn, SYSTEM, SYSTEM)
            else:
                self.unwrap(row)

    def wrapping_key(self, conn: sa.Connection) -> Key:
        """The master key that wraps now, held still until the transaction ends. Raises Corrupt: none does."""
        c = master_keys.c
        current = sa.select(c.id).where(c.state == "current").with_for_update(read=True)
        for _ in range(_LOOKS):  # PostgreSQL: where a rotation switched meanwhile, the first look finds none
            found = conn.execute(current).scalar()
            if found is not None:
                return self.master.get(found).key
            self._ensure_master_key(conn)
        raise Corrupt("no master key is current", hint="Restore the metadata database from a backup.")

    def _ensure_master_key(self, conn: sa.Connection) -> None:
        """At the first start, or the first one of a version that keeps this row."""
        if conn.execute(sa.select(master_keys.c.id).limit(1)).first():
            return
        sealed = conn.execute(sa.select(data_keys.c.wrapped).limit(1)).scalar()
        first = sealed_by(sealed) if sealed else self.master.read()[0].id
        insert_new(conn, master_keys, {"id": first, "state": "current", "since": datetime.now(UTC)})

    def open_environment(self, conn: sa.Connection, project_id: str, environment_id: str) -> sa.Row[Any]:
        """Give an environment its (next) data key; whoever creates the environment calls it in that transaction."""
        before = current_data_key(conn, environment_id)
        key = new_key(new_id("dek"))
        version = 1 + (before.version if before else 0)
        conn.execute(
            data_keys.insert().values(
                id=key.id,
                project_id=project_id,
                environment_id=environment_id,
                version=version,
                wrapped=self.wrap(conn, key, project_id, environment_id, version),
                created_at=datetime.now(UTC),
            )
        )
        made = current_data_key(conn, environment_id)
        assert made is not None  # noqa: S101 - inserted above, in this transaction
        return made

    def wrap(self, conn: sa.Connection, key: Key, project_id: str, environment_id: str, version: int) -> str:
        """A data key under the current master key."""
        return seal(self.wrapping_key(conn), key.secret, aad_of("data key", project_id, environment_id, version))

    def put(self, conn: sa.Connection, environment_id: str, resource_id: str, name: str, value: str) -> None:
        """Store `value` as the newest version of `name`. An environment nobody opened gets its data key here."""
        version = 1 + (self._newest(conn, environment_id, resource_id, name) or 0)
        row = {"environment_id": environment_id, "resource_id": resource_id, "name": name, "version": version}
        self.insert(conn, INTERNAL, {**row, "created_at": datetime.now(UTC)}, value)
        log.register_secret(value)

    def insert(self, conn: sa.Connection, sealed: Sealed, row: Mapping[str, Any], value: str) -> None:
        """A row of `sealed` with `value` under its environment's newest data key."""
        environment_id = row["environment_id"]
        found = current_data_key(conn, environment_id) or self.open_environment(conn, "-", environment_id)
        text = seal(self.unwrap(found), value.encode(), sealed.aad(found.project_id, row))
        conn.execute(sealed.table.insert().values(**row, data_key_id=found.id, sealed=text))

    def get(self, conn: sa.Connection, environment_id: str, resource_id: str, name: str) -> str:
        """The newest version. Raises `NotFound("secret_not_found")`."""
        found = self.all(conn, environment_id, resource_id).get(name)
        if found is None:
            raise NotFound(f"no secret {name!r} is stored for {resource_id}", code="secret_not_found")
        return found

    def all(self, conn: sa.Connection, environment_id: str, resource_id: str) -> dict[str, str]:
        """Name -> newest value of everything stored for a resource."""
        c = secrets.c
        rows = conn.execute(
            self._joined(INTERNAL)
            .where(c.environment_id == environment_id, c.resource_id == resource_id)
            .order_by(c.name, c.version)
        ).all()
        newest = {row.name: row for row in rows}
        values = {name: self.value(INTERNAL, row) for name, row in newest.items()}
        for value in values.values():
            log.register_secret(value)
        return values

    def select(self, conn: sa.Connection, sealed: Sealed, where: sa.ColumnElement[bool]) -> str | None:
        """The value of the one row of `sealed` that `where` names; None when there is none."""
        row = conn.execute(self._joined(sealed).where(where)).one_or_none()
        return None if row is None else self.value(sealed, row)

    def older(self, sealed: Sealed, environment_id: str, data_key_id: str, limit: int) -> sa.Select[Any]:
        """Rows of an environment that are under another data key than that one."""
        c = sealed.table.c
        there = sa.and_(c.environment_id == environment_id, c.data_key_id != data_key_id)
        return self._joined(sealed).where(there).limit(limit)

    @staticmethod
    def _joined(sealed: Sealed) -> sa.Select[Any]:
        keys = data_keys.c
        key = (keys.project_id, keys.wrapped, keys.version.label("key_version"))
        return sa.select(sealed.table, *key).join(data_keys, keys.id == sealed.table.c.data_key_id)

    def value(self, sealed: Sealed, row: sa.Row[Any]) -> str:
        """Open a row of `_joined`. Raises Corrupt for one that was altered or moved."""
        key = self._open(row.data_key_id, row.project_id, row.environment_id, row.key_version, row.wrapped)
        return open_sealed(key, row.sealed, sealed.aad(row.project_id, row._mapping)).decode()

    def delete_resource(self, conn: sa.Connection, environment_id: str, resource_id: str) -> None:
        """Forget every version of everything stored for a resource. Nothing stored is not an error."""
        conn.execute(
            secrets.delete().where(secrets.c.environment_id == environment_id, secrets.c.resource_id == resource_id)
        )

    def delete(self, conn: sa.Connection, environment_id: str, resource_id: str, name: str) -> None:
        """Forget every version of one. Nothing stored is not an error."""
        c = secrets.c
        mine = (c.environment_id == environment_id, c.resource_id == resource_id, c.name == name)
        conn.execute(secrets.delete().where(*mine))

    def forget_older(self, conn: sa.Connection, environment_id: str, resource_id: str, name: str) -> None:
        """Forget every version of one but the newest."""
        c, newest = secrets.c, self._newest(conn, environment_id, resource_id, name)
        mine = (c.environment_id == environment_id, c.resource_id == resource_id, c.name == name)
        conn.execute(secrets.delete().where(*mine, c.version < (newest or 0)))

    def close_environment(self, conn: sa.Connection, environment_id: str) -> None:
        """Destroy an empty environment's data keys; copies of its ciphertexts elsewhere can no longer be opened."""
        conn.execute(data_keys.delete().where(data_keys.c.environment_id == environment_id))

    def _newest(self, conn: sa.Connection, environment_id: str, resource_id: str, name: str) -> int | None:
        return conn.execute(
            sa.select(sa.func.max(secrets.c.version)).where(
                secrets.c.environment_id == environment_id, secrets.c.resource_id == resource_id, secrets.c.name == name
            )
        ).scalar()

    def unwrap(self, row: sa.Row[Any]) -> Key:
        """The data key of a row of `data_keys`. Raises Corrupt, NeedsOperator("master_key_wrong")."""
        return self._open(row.id, row.project_id, row.environment_id, row.version, row.wrapped)

    def _open(self, key_id: str, project_id: str, environment_id: str, version: int, wrapped: str) -> Key:
        if found := self._opened.get(key_id):
            return found
        master = self.master.get(sealed_by(wrapped)).key
        raw = open_sealed(master, wrapped, aad_of("data key", project_id, environment_id, version))
        return self._opened.setdefault(key_id, Key(key_id, raw))

    def forget(self, key_id: str) -> None:
        """A data key that was destroyed leaves this process's memory; other processes keep it until they end."""
        self._opened.pop(key_id, None)


def current_data_key(conn: sa.Connection, environment_id: str) -> sa.Row[Any] | None:
    """The data key that seals now."""
    c = data_keys.c
    newest = sa.select(data_keys).where(c.environment_id == environment_id).order_by(c.version.desc()).limit(1)
    return conn.execute(newest).first()
