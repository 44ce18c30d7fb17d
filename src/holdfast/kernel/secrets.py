"""Stored secrets: a data key per environment seals values, the master key seals data keys, and lives elsewhere.

A ciphertext is bound to project, environment, resource, name and version: copied to another row it does not open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import stat
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from holdfast.kernel import log
from holdfast.kernel.crypto import KEY_BYTES, Key, aad_of, derive, new_key, open_sealed, seal, sealed_by
from holdfast.kernel.db import Database, Timestamp, metadata
from holdfast.kernel.errors import NeedsOperator, NotFound
from holdfast.kernel.ids import new_id

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

SYSTEM = "system"  # the environment id of what belongs to the installation itself


def load_master_key(path: Path, environ: Mapping[str, str] | None = None) -> Key:
    """The master key from HOLDFAST_MASTER_KEY (base64 of 32 bytes), else from `path`, made 0600 at the first start.

    Raises `NeedsOperator`: malformed, readable by others, or not ours to read.
    """
    given = (os.environ if environ is None else environ).get("HOLDFAST_MASTER_KEY")
    if given:
        return _master(given, "HOLDFAST_MASTER_KEY")
    if not path.exists():
        _create_master_file(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise NeedsOperator(
            f"the master key {path} cannot be read: {error.strerror}",
            code="master_key_unreadable",
            hint="Run Holdfast as the user who owns the file; it must be a file, not a link.",
        ) from error
    with os.fdopen(descriptor) as file:
        if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise NeedsOperator(
                f"the master key {path} may be read by other users",
                code="master_key_exposed",
                hint=f"chmod 600 {path}, and think about who has read it.",
            )
        return _master(file.read().strip(), str(path))


def master_key_of(db: Database, path: Path) -> Key:
    """`load_master_key`, but no new key is made for data that was sealed by one already (a copied or moved disk).

    Raises NeedsOperator (code "master_key_missing") then.
    """
    if not path.exists() and not os.environ.get("HOLDFAST_MASTER_KEY"):
        with db.read() as conn:
            sealed = conn.execute(sa.select(data_keys.c.wrapped).limit(1)).scalar()
        if sealed is not None:
            raise NeedsOperator(
                f"this data was sealed by the master key {sealed_by(sealed)}, and there is no {path}",
                code="master_key_missing",
                hint="Copy the key file there, or name its place with HOLDFAST_MASTER_KEY_FILE.",
            )
    return load_master_key(path)


def _create_master_file(path: Path) -> None:
    """Complete or absent: linked into place after fsync, so that a crash leaves no half key and two starts make one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(base64.b64encode(os.urandom(KEY_BYTES)).decode() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)
        except FileExistsError:
            return
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    finally:
        fresh.unlink()


def _master(text: str, where: str) -> Key:
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error:
        raw = b""
    if len(raw) != KEY_BYTES:
        raise NeedsOperator(
            f"{where} holds no master key",
            code="master_key_malformed",
            hint="It is base64 of 32 bytes. Put the saved copy back: a new key does not open what is stored.",
        )
    log.register_secret(text)
    name = hashlib.sha256(derive(raw, "holdfast master key id")).hexdigest()[:12]
    return Key(f"master-{name}", derive(raw, "holdfast wrap data keys"))


class Secrets:
    """Put, get and delete in the caller's transaction. Values that were read are cut out of the log from then on."""

    def __init__(self, db: Database, master: Key) -> None:
        self._db = db
        self._master = master
        self._opened: dict[str, Key] = {}

    def check(self) -> None:
        """At the start: does this master key open this installation? Raises `NeedsOperator("master_key_wrong")`."""
        with self._db.write() as conn:
            row = self._current(conn, SYSTEM)
            if row is None:
                self.open_environment(conn, SYSTEM, SYSTEM)
            else:
                self._unwrap(row)

    def open_environment(self, conn: sa.Connection, project_id: str, environment_id: str) -> None:
        """Give an environment its data key; whoever creates the environment calls it in that transaction."""
        key = new_key(new_id("dek"))
        wrapped = seal(self._master, key.secret, aad_of("data key", project_id, environment_id, 1))
        conn.execute(
            data_keys.insert().values(
                id=key.id,
                project_id=project_id,
                environment_id=environment_id,
                version=1,
                wrapped=wrapped,
                created_at=datetime.now(UTC),
            )
        )

    def put(self, conn: sa.Connection, environment_id: str, resource_id: str, name: str, value: str) -> None:
        """Store `value` as the newest version of `name`. An environment nobody opened gets its data key here."""
        row = self._current(conn, environment_id)
        if row is None:
            self.open_environment(conn, "-", environment_id)
            row = self._current(conn, environment_id)
            assert row is not None  # noqa: S101 - inserted two lines above, in this transaction
        version = 1 + (self._newest(conn, environment_id, resource_id, name) or 0)
        aad = aad_of("secret", row.project_id, environment_id, resource_id, name, version)
        conn.execute(
            secrets.insert().values(
                environment_id=environment_id,
                resource_id=resource_id,
                name=name,
                version=version,
                data_key_id=row.id,
                sealed=seal(self._unwrap(row), value.encode(), aad),
                created_at=datetime.now(UTC),
            )
        )
        log.register_secret(value)

    def get(self, conn: sa.Connection, environment_id: str, resource_id: str, name: str) -> str:
        """The newest version. Raises `NotFound("secret_not_found")`."""
        found = self.all(conn, environment_id, resource_id).get(name)
        if found is None:
            raise NotFound(f"no secret {name!r} is stored for {resource_id}", code="secret_not_found")
        return found

    def all(self, conn: sa.Connection, environment_id: str, resource_id: str) -> dict[str, str]:
        """Name -> newest value of everything stored for a resource."""
        rows = conn.execute(
            sa.select(secrets, data_keys.c.project_id, data_keys.c.wrapped, data_keys.c.version.label("key_version"))
            .join(data_keys, data_keys.c.id == secrets.c.data_key_id)
            .where(secrets.c.environment_id == environment_id, secrets.c.resource_id == resource_id)
            .order_by(secrets.c.name, secrets.c.version)
        ).all()
        newest = {row.name: row for row in rows}
        return {name: self._value(row) for name, row in newest.items()}

    def delete_resource(self, conn: sa.Connection, environment_id: str, resource_id: str) -> None:
        """Forget every version of everything stored for a resource. Nothing stored is not an error."""
        conn.execute(
            secrets.delete().where(secrets.c.environment_id == environment_id, secrets.c.resource_id == resource_id)
        )

    def close_environment(self, conn: sa.Connection, environment_id: str) -> None:
        """Destroy an empty environment's data keys; copies of its ciphertexts elsewhere can no longer be opened."""
        conn.execute(data_keys.delete().where(data_keys.c.environment_id == environment_id))

    def _value(self, row: sa.Row[tuple[object, ...]]) -> str:
        key = self._open(row.data_key_id, row.project_id, row.environment_id, row.key_version, row.wrapped)
        aad = aad_of("secret", row.project_id, row.environment_id, row.resource_id, row.name, row.version)
        value = open_sealed(key, row.sealed, aad).decode()
        log.register_secret(value)
        return value

    def _current(self, conn: sa.Connection, environment_id: str) -> sa.Row[tuple[object, ...]] | None:
        return conn.execute(
            sa.select(data_keys)
            .where(data_keys.c.environment_id == environment_id)
            .order_by(data_keys.c.version.desc())
            .limit(1)
        ).first()

    def _newest(self, conn: sa.Connection, environment_id: str, resource_id: str, name: str) -> int | None:
        return conn.execute(
            sa.select(sa.func.max(secrets.c.version)).where(
                secrets.c.environment_id == environment_id, secrets.c.resource_id == resource_id, secrets.c.name == name
            )
        ).scalar()

    def _unwrap(self, row: sa.Row[tuple[object, ...]]) -> Key:
        return self._open(row.id, row.project_id, row.environment_id, row.version, row.wrapped)

    def _open(self, key_id: str, project_id: str, environment_id: str, version: int, wrapped: str) -> Key:
        if found := self._opened.get(key_id):
            return found
        if sealed_by(wrapped) != self._master.id:
            raise NeedsOperator(
                f"the stored secrets were sealed by another master key ({sealed_by(wrapped)})",
                code="master_key_wrong",
                hint="Put back the key file this installation began with, or name its place with "
                "HOLDFAST_MASTER_KEY_FILE, or set HOLDFAST_MASTER_KEY to its content.",
            )
        raw = open_sealed(self._master, wrapped, aad_of("data key", project_id, environment_id, version))
        return self._opened.setdefault(key_id, Key(key_id, raw))
