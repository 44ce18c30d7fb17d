"""Repositories, their passwords and credentials, and opening them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from holdfast.features.backups import store
from holdfast.features.backups.claims import require_current
from holdfast.features.backups.format_registry import format_of, found_at
from holdfast.features.backups.formats import Material, Opened, restic
from holdfast.features.backups.kinds import KINDS, SECRETS, Credential, Exports
from holdfast.features.backups.model import RepositoryRow
from holdfast.features.backups.places import API_PATIENCE, Places
from holdfast.features.databases.elsewhere import require_node
from holdfast.features.databases.model import Resource
from holdfast.features.file_keys import store as file_keys
from holdfast.features.file_keys.kinds import MATERIAL
from holdfast.features.file_keys.ring import Rings
from holdfast.features.secrets.store import installation_epoch
from holdfast.kernel.clock import Clock, timestamp
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Denied, NeedsOperator
from holdfast.kernel.ids import new_id
from holdfast.kernel.node import identity
from holdfast.kernel.outbound import OutboundPolicy
from holdfast.kernel.outbound_relay import Relay
from holdfast.kernel.secrets import Secrets
from holdfast.kernel.settings import Settings
from holdfast.kernel.stop import Stop
from holdfast.vault.plain.keys import IDENTITY, id_of
from holdfast.vault.repository import Repository
from holdfast.vault.stores.append_only import AppendOnlyStore
from holdfast.vault.stores.base import Store
from holdfast.vault.stores.breaker import BreakerView
from holdfast.vault.stores.classes import Shelves

PASSWORD = "password"  # noqa: S105 - the secret's name, not its value
OLDER = "password_before_"  # before a name of its own: passwords that files of before a rotation still need
DEFAULT_NAME = "local"
DELETES = "delete_"  # before the names of the secrets of the credential that may delete
DELETES_HINT = "Give it one: holdfast repo deletes NAME --apart --access-key-id ID. Or delete elsewhere, with restic."


class Keys:
    """Passwords and credentials live with the project's secrets (its id takes the environment's place there)."""

    def __init__(
        self,
        places: Places,
        node: str,
        db: Database,
        secrets: Secrets,
        clock: Clock,
        cache: Path | None = None,
        scratch: Path | None = None,
        rings: Rings | None = None,
    ) -> None:
        """`cache`: where the repositories' indexes are kept sorted; shared by the processes of the node. `scratch`: for
        what is unpacked while it is read. `rings`: of named keys."""
        self.places = places
        self._cache, self._scratch, self._rings = cache, scratch, rings
        self.node = node
        self._db = db
        self._secrets = secrets
        self._clock = clock

    @classmethod
    def of(
        cls, settings: Settings, db: Database, secrets: Secrets, clock: Clock, patience: float = API_PATIENCE
    ) -> Keys:
        """As the settings say. `patience`: seconds that a call to a bucket may be tried again."""
        policy = OutboundPolicy.of(settings)
        relay = Relay(policy)
        places = Places(settings.data / "repositories", relay, clock, patience)
        node = identity(settings.data, settings.node).name
        cache = settings.data / "cache"
        rings = Rings(db, secrets, policy, clock)
        return cls(places, node, db, secrets, clock, cache / "index", cache / "files", rings)

    def where(self, row: RepositoryRow) -> str:
        """What stock restic takes as -r, or the node whose disk it is on."""
        if row.node in (None, self.node):
            return self.places.where(row)
        return f"repositories/{row.id} in the data directory of the node {row.node}"

    def insert(
        self,
        conn: sa.Connection,
        project_id: str,
        name: str,
        actor: str,
        *,
        is_default: bool = False,
        kind: str = "local",
        password: str | None = None,
        credential: Credential | None = None,
        node: str | None = None,
        **more: object,
    ) -> RepositoryRow:
        """A row, its password and its credential, in the caller's transaction. It is made at its first use; a local one
        on the disk of `node` (else here). `password`: of one that is there already. `more` are fields of the row."""
        row = RepositoryRow(
            id=new_id("repo"),
            project_id=project_id,
            name=name,
            kind=kind,
            state="new",
            is_default=is_default,
            restic_id=None,
            last_check=None,
            created_by=actor,
            created_at=self._clock.now(),
            node=None if credential else node or self.node,
            **more,  # type: ignore[arg-type] # the caller's own fields
        )
        store.insert(conn, row)
        self._secrets.put(conn, project_id, row.id, PASSWORD, password or format_of(row).new_key(row.settings))
        if credential:
            self.put_credential(conn, row, credential)
        return row

    def put_credential(self, conn: sa.Connection, row: RepositoryRow, credential: Credential) -> None:
        """From the next opening on. What is absent is stored as empty: an old session token must not count."""
        for name in KINDS[row.kind].secrets:
            self._secrets.put(conn, row.project_id, row.id, name, credential.get(name, ""))

    def default(self, conn: sa.Connection, resource: Resource, actor: str) -> RepositoryRow:
        """The default repository of the database's environment, else its project's, made when there is none yet. When
        that is on another node than the database, the project's repository there, made when there is none."""
        project_id, node = resource.project_id, resource.node
        found = store.default_repository(conn, project_id, resource.environment_id)
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

    def older(self, conn: sa.Connection, row: RepositoryRow) -> tuple[str, ...]:
        """Passwords before this one that something in it still needs."""
        found = self._secrets.all(conn, row.project_id, row.id)
        return tuple(value for name, value in sorted(found.items()) if name.startswith(OLDER))

    def named(self, conn: sa.Connection, row: RepositoryRow) -> list[dict[str, str]]:
        """The project's file keys, for its recovery kit. A service's credential is not among them."""
        found = []
        for key in file_keys.all_of(conn, row.project_id):
            secret = self._secrets.all(conn, row.project_id, key.id).get(MATERIAL, "")
            facts = {"name": key.name, "kind": key.kind, "fingerprint": key.fingerprint or "", "secret": secret}
            found.append(facts)
        return found

    def put_older(self, conn: sa.Connection, row: RepositoryRow, name: str, password: str) -> None:
        """`name`: the same for the same password."""
        self._secrets.put(conn, row.project_id, row.id, f"{OLDER}{name}", password)

    def fit(self, conn: sa.Connection, row: RepositoryRow, settings: Mapping[str, Any] | None) -> None:
        """A key of its own that seals as these settings say, when the one it has does not. What that sealed needs it
        further: it is kept."""
        key = self.password(conn, row)
        if (settings or {}).get("encryption") == "age" and not key.startswith(IDENTITY):
            self.put_older(conn, row, id_of(key), key)
            self._secrets.put(conn, row.project_id, row.id, PASSWORD, format_of(row).new_key(settings))
            store.change(conn, RepositoryRow, row.id, password_since=self._clock.now())

    def credential(self, conn: sa.Connection, row: RepositoryRow) -> dict[str, str]:
        """Empty for a local one."""
        found = self._secrets.all(conn, row.project_id, row.id)
        return {name: found[name] for name in SECRETS if found.get(name)}

    def exports(self, conn: sa.Connection, row: RepositoryRow) -> Exports:
        """What stock restic needs to reach it, beside the password."""
        if row.on_disk:
            return Exports()
        return KINDS[row.kind].exports(row.lies or {}, self.credential(conn, row))

    def delete_credential(self, conn: sa.Connection, row: RepositoryRow) -> dict[str, str]:
        """The one that may delete, of a repository whose own may not; empty when it is not kept here."""
        found = self._secrets.all(conn, row.project_id, row.id)
        return {name: found[DELETES + name] for name in SECRETS if found.get(DELETES + name)}

    def put_delete_credential(self, conn: sa.Connection, row: RepositoryRow, credential: Credential) -> None:
        """Instead of the one before; none at all forgets it."""
        for name in KINDS[row.kind].secrets:
            self._secrets.delete(conn, row.project_id, row.id, DELETES + name)
            if credential.get(name):
                self._secrets.put(conn, row.project_id, row.id, DELETES + name, credential[name])

    def _credential_for(self, row: RepositoryRow, *, deleting: bool) -> dict[str, str]:
        with self._db.read() as conn:
            if not (deleting and row.deletes_apart):
                return self.credential(conn, row)
            apart = self.delete_credential(conn, row)
        if not apart:
            raise NeedsOperator(
                f"the credential that may delete in {row.name!r} is not kept here",
                code="delete_credential_missing",
                hint=DELETES_HINT,
            )
        return apart

    def open(self, row: RepositoryRow, stop: Stop | None = None, *, deleting: bool = False) -> Opened:
        """The repository, made first when it is new. Safe to call again after a crash half way, and from two runners at
        once: where the store knows conditional writes only one of them makes it. After `stop`, of the run that it is
        for, nobody waits for its store.

        Raises OtherNode when it is on another node's disk, NeedsOperator("superseded") when this installation was
        recovered elsewhere. `deleting`: with the credential that may delete, where that is another one
        (NeedsOperator("delete_credential_missing") when it is not kept here); without it such a repository only grows.
        """
        require_node(self.node, row.node, f"the repository {row.name!r}")
        if row.state == "detached":
            raise Conflict(f"the repository {row.name!r} is detached", code="repository_detached")
        with self._db.read() as conn:
            material = self.material(conn, row)
            installation = installation_epoch(conn)
        pieces = self.pieces(row, stop, deleting=deleting)
        if row.state != "new":
            repository = self._opened(pieces, row, material)
        else:
            repository = self._opened_or_made(pieces, row, material)
            with self._db.write() as conn:
                store.change(conn, RepositoryRow, row.id, state="ready", restic_id=repository.id)
        if installation is not None:
            require_current(repository, row.name, *installation)
        if row.trouble is not None:
            self._well(row.id)
        return repository

    def pieces(self, row: RepositoryRow, stop: Stop | None = None, *, deleting: bool = False) -> Store:
        """What it lies in, opened or not; see `open`."""
        credential = self._credential_for(row, deleting=deleting)
        found: Store = self.places.store(row, credential, self.troubled, stop=stop)
        return AppendOnlyStore(found, DELETES_HINT) if row.deletes_apart and not deleting else found

    def shelves(self, row: RepositoryRow) -> Shelves | None:
        """Its storage classes, with its own credential; None where there are none to choose. Close it."""
        with self._db.read() as conn:
            credential = self.credential(conn, row)
        return self.places.shelves(row, credential)

    def restic(self, row: RepositoryRow, stop: Stop | None = None) -> Repository:
        """`open`, for what only restic's format has. Raises Conflict (code "repository_format") for another."""
        return restic(self.open(row, stop))

    def material(self, conn: sa.Connection, row: RepositoryRow) -> Material:
        """What it is opened with."""
        ring = self._rings.of(row.project_id) if self._rings else None
        return Material(self.password(conn, row), self.older(conn, row), row.settings, self._cache, self._scratch, ring)

    def adopted(self, row: RepositoryRow, pieces: Store, password: str) -> tuple[Opened, Material, str]:
        """A repository that somebody else made: open, what opens it from now on, and the name of its format. Raises
        NotFound (code "repository_missing"), Denied (code "repository_password")."""
        found = found_at(pieces) or format_of(row)  # whose own words say that there is none
        ring = self._rings.of(row.project_id) if self._rings else None
        opened, material = found.adopted(pieces, password, Material("", scratch=self._scratch, ring=ring))
        return opened, material, found.name

    def _opened(self, pieces: Store, row: RepositoryRow, material: Material) -> Opened:
        """A password that was rotated while it was tried is read anew."""
        try:
            return format_of(row).open(pieces, material)
        except Denied:
            with self._db.read() as conn:
                now = self.password(conn, row)
            if now == material.password:
                raise
            return format_of(row).open(pieces, replace(material, password=now))

    def look(self, row: RepositoryRow) -> None:
        """One question to its store, without retries. Raises what is wrong with it."""
        with self._db.read() as conn:
            credential = self.credential(conn, row)
        there = self.places.store(row, credential, self.troubled, patience=0.0)
        if not format_of(row).there(there):
            raise NeedsOperator(
                f"there is no repository any more at {self.where(row)}",
                hint="Put it back from a copy, or bring back the deleted versions of its objects.",
                code="repository_missing",
            )
        if row.trouble is not None:
            self._well(row.id)

    def troubled(self, repository_id: str, view: BreakerView) -> None:
        """A breaker opened or closed: everyone sees it in the row, whichever process it was."""
        if view.error is None:
            self._well(repository_id)
            return
        error = view.error
        found = {
            "state": view.state,
            "since": timestamp(view.since),
            "failures": view.failures,
            "code": error.code,
            "message": error.message,
            "hint": error.hint,
        }
        with self._db.write() as conn:
            store.change(conn, RepositoryRow, repository_id, trouble=found)

    def _well(self, repository_id: str) -> None:
        with self._db.write() as conn:
            store.change(conn, RepositoryRow, repository_id, trouble=None)

    def _opened_or_made(self, pieces: Store, row: RepositoryRow, material: Material) -> Opened:
        if not format_of(row).there(pieces):
            with suppress(Conflict):  # someone was faster
                return format_of(row).create(pieces, material)
        return format_of(row).open(pieces, material)
