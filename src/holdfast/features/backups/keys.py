"""Repositories on this machine: where they lie, their passwords, opening them."""

from __future__ import annotations

import secrets as tokens
from pathlib import Path

import sqlalchemy as sa

from holdfast.features.backups import store
from holdfast.features.backups.model import RepositoryRow
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.ids import new_id
from holdfast.kernel.secrets import Secrets
from holdfast.kernel.settings import Settings
from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore

PASSWORD = "password"  # noqa: S105 - the secret's name, not its value
DEFAULT_NAME = "local"


class Keys:
    """Passwords live with the project's secrets (its id takes the environment's place there)."""

    def __init__(self, settings: Settings, db: Database, secrets: Secrets, clock: Clock) -> None:
        self._root = settings.data / "repositories"
        self._db = db
        self._secrets = secrets
        self._clock = clock

    def path(self, repository_id: str) -> Path:
        return self._root / repository_id

    def insert(
        self, conn: sa.Connection, project_id: str, name: str, actor: str, *, is_default: bool = False
    ) -> RepositoryRow:
        """A row and its password, in the caller's transaction. On disk it appears at its first use."""
        row = RepositoryRow(
            id=new_id("repo"),
            project_id=project_id,
            name=name,
            kind="local",
            state="new",
            is_default=is_default,
            restic_id=None,
            last_check=None,
            created_by=actor,
            created_at=self._clock.now(),
        )
        store.insert(conn, row)
        self._secrets.put(conn, project_id, row.id, PASSWORD, tokens.token_urlsafe(32))
        return row

    def default(self, conn: sa.Connection, project_id: str, actor: str) -> RepositoryRow:
        """The project's default repository, made when there is none yet."""
        found = store.default_repository(conn, project_id)
        return found or self.insert(conn, project_id, DEFAULT_NAME, actor, is_default=True)

    def password(self, conn: sa.Connection, row: RepositoryRow) -> str:
        return self._secrets.get(conn, row.project_id, row.id, PASSWORD)

    def open(self, row: RepositoryRow) -> Repository:
        """The repository, made on disk first when it is new. Safe to call again after a crash half way."""
        with self._db.read() as conn:
            password = self.password(conn, row)
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = LocalStore(self.path(row.id))
        if row.state != "new":
            return Repository.open(files, password)
        repository = Repository.open(files, password) if files.exists("config") else Repository.create(files, password)
        with self._db.write() as conn:
            store.change(conn, RepositoryRow, row.id, state="ready", restic_id=repository.id)
        return repository
