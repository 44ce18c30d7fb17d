"""Repositories on this machine: where they lie, their passwords, opening them."""

from __future__ import annotations

import secrets as tokens
from pathlib import Path

import sqlalchemy as sa

from holdfast.features.backups import store
from holdfast.features.backups.model import RepositoryRow
from holdfast.features.databases.elsewhere import require_node
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.ids import new_id
from holdfast.kernel.node import identity
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
        self.node = identity(settings.data, settings.node).name
        self._db = db
        self._secrets = secrets
        self._clock = clock

    def path(self, repository_id: str) -> Path:
        return self._root / repository_id

    def where(self, row: RepositoryRow) -> str:
        """For people: the path here, or the node whose disk it is on."""
        if row.node in (None, self.node):
            return str(self.path(row.id))
        return f"repositories/{row.id} in the data directory of the node {row.node}"

    def insert(
        self,
        conn: sa.Connection,
        project_id: str,
        name: str,
        actor: str,
        *,
        is_default: bool = False,
        node: str | None = None,
    ) -> RepositoryRow:
        """A row and its password, in the caller's transaction. It appears on the disk of `node` (else here) at its
        first use."""
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
            node=node or self.node,
        )
        store.insert(conn, row)
        self._secrets.put(conn, project_id, row.id, PASSWORD, tokens.token_urlsafe(32))
        return row

    def default(self, conn: sa.Connection, project_id: str, actor: str, node: str | None = None) -> RepositoryRow:
        """The project's default repository, made when there is none yet. When it is on another node than `node`, the
        project's repository there, made when there is none."""
        found = store.default_repository(conn, project_id)
        if found is None:
            taken = store.named_repository(conn, project_id, DEFAULT_NAME) is not None  # a removed node's
            name = f"{DEFAULT_NAME}-{node or self.node}"[:63] if taken else DEFAULT_NAME
            return self.insert(conn, project_id, name, actor, is_default=True, node=node)
        if node is None or found.node in (None, node):
            return found
        there = store.repository_on(conn, project_id, node)
        return there or self.insert(conn, project_id, f"{DEFAULT_NAME}-{node}"[:63], actor, node=node)

    def password(self, conn: sa.Connection, row: RepositoryRow) -> str:
        return self._secrets.get(conn, row.project_id, row.id, PASSWORD)

    def open(self, row: RepositoryRow) -> Repository:
        """The repository, made on disk first when it is new. Safe to call again after a crash half way.

        Raises OtherNode when it is on another node's disk.
        """
        require_node(self.node, row.node, f"the repository {row.name!r}")
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
