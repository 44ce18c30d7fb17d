"""What people ask of repositories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.access.grants import Columns
from holdfast.features.backups import store
from holdfast.features.backups.format_registry import FORMATS, format_of
from holdfast.features.backups.formats import Settings
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.kinds import KINDS, Credential, Fields, described, overlaps
from holdfast.features.backups.model import RepositoryRow, repositories
from holdfast.features.backups.repository_acts import found, record
from holdfast.features.backups.sealing import chosen
from holdfast.features.databases.names import checked_name
from holdfast.features.projects.scope import environment_of, project_of
from holdfast.kernel.clock import Clock, timestamp
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.vault.plain.named import OWN
from holdfast.vault.stores.breaker import BreakerView
from holdfast.vault.stores.local import LocalStore
from holdfast.web.idempotency import NEVER, Once


@dataclass(frozen=True)
class CloudWish:
    """`fields` of the place of its `kind`, without a prefix when it is to be chosen; `credential` by its secrets'
    names."""

    kind: str
    fields: Fields
    credential: Credential = field(repr=False)


@dataclass(frozen=True)
class RepositoryWish:
    project_id: str
    name: str
    environment_id: str | None = None
    is_default: bool = False
    cloud: CloudWish | None = None
    format: str = "restic"
    settings: Mapping[str, Any] | None = None
    path: str | None = None
    file_key: str | None = None


class RepositoriesService:
    """Every verb takes the actor first and raises Denied or NotFound before it reads or writes anything else."""

    def __init__(self, db: Database, keys: Keys, clock: Clock) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock

    def create(self, actor: Actor, wish: RepositoryWish, once: Once = NEVER) -> RepositoryRow:
        """With a password of its own; it is made at its place with its first snapshot. A place in a bucket is tested
        first: Conflict (code "store_test_failed") with the report when its key lacks something."""
        with self._db.read() as conn:
            prefix = self._allowed(conn, actor, wish)
            settings = self._settings(conn, wish)
        name, lies, location, report = checked_name(wish.name), None, None, None
        cloud = wish.cloud
        if wish.path is not None:
            lies, location = on_this_disk(self._keys, wish.path)
        if cloud is not None:
            lies, location = described(cloud.kind, {"prefix": prefix, **cloud.fields})
            report = self._tested(cloud.kind, lies, cloud.credential)
        with self._db.write() as conn:
            self._allowed(conn, actor, wish)
            once.check(conn)
            if location is not None and any(overlaps(location, other) for other in store.locations(conn)):
                raise store.place_taken()
            row = self._keys.insert(
                conn,
                wish.project_id,
                name,
                actor.id,
                kind=cloud.kind if cloud else "local",
                credential=cloud.credential if cloud else None,
                serves=wish.environment_id,
                lies=lies,
                location=location,
                last_test=report,
                format=wish.format,
                settings=settings,
            )
            if wish.is_default:
                store.make_default(conn, row)
                row = replace(row, is_default=True)
            record(conn, actor, row, "repository.create", kind=row.kind, format=row.format, **_place_of(row))
            once.keep(conn, row)
            return row

    def _allowed(self, conn: sa.Connection, actor: Actor, wish: RepositoryWish) -> str:
        """The prefix it gets when none is given. Raises NotFound for a project or an environment not seen."""
        project_of(conn, actor, wish.project_id, "repository.create")
        if wish.environment_id is not None:
            environment = environment_of(conn, actor, wish.environment_id, "repository.create")
            if environment.project_id != wish.project_id:
                raise no_such("environment")
        if wish.path is not None:
            actor.require_everywhere("system.admin")
        return f"holdfast/{wish.project_id}/{wish.environment_id or 'all'}"

    @staticmethod
    def _settings(conn: sa.Connection, wish: RepositoryWish) -> Settings | None:
        """Raises Invalid, also for a key that is none of the project's."""
        form = FORMATS[wish.format]
        settings = form.checked(wish.settings)
        if wish.file_key is None:
            return settings
        environments = [wish.environment_id] if wish.environment_id else []
        key = chosen(conn, wish.project_id, environments, wish.file_key)
        return form.chosen(settings, {"key": key, "recipients": (settings or {}).get("recipients") or None})

    def choose_key(self, actor: Actor, repository_id: str, name: str, encryption: str | None = None) -> RepositoryRow:
        """New files are sealed with the key of that name from now on; OWN = the repository's own. What is there needs
        the keys it names, as before."""
        with self._db.write() as conn:
            row = found(conn, actor, repository_id, "repository.update")
            actor.require_step_up()
            form, environments = format_of(row), [row.serves] if row.serves else []
            key = OWN if name == OWN else chosen(conn, row.project_id, environments, name)
            words = {"key": key, **({"encryption": encryption} if encryption else {})}
            settings = form.chosen(row.settings, words)
            self._keys.fit(conn, row, settings)
            told = (settings or {}).get("encryption", "")
            record(conn, actor, row, "repository.file_key", key=name, encryption=str(told))
            return store.change(conn, RepositoryRow, row.id, settings=settings) or row

    def _tested(self, kind: str, fields: Fields, credential: Credential) -> dict[str, Any]:
        KINDS[kind].check(credential)
        report = self._keys.places.test(kind, fields, credential).as_dict() | {"at": timestamp(self._clock.now())}
        if not report["ok"]:
            lacking = [one for one in report["findings"] if one["result"] == "missing"]
            raise Conflict(
                f"the credential lacks what a repository needs: {lacking[0]['message']}",
                code="store_test_failed",
                hint=lacking[0]["hint"],
                details={"report": report},
            )
        return report

    def test(self, actor: Actor, repository_id: str) -> RepositoryRow:
        """Try what its credential may do, and keep the report. A local one is always fine while its disk is there."""
        with self._db.read() as conn:
            row = found(conn, actor, repository_id, "repository.check")
            credential = self._keys.credential(conn, row)
        if row.on_disk or row.lies is None:
            raise Conflict("a repository on local disk has no credential to test", code="repository_local")
        report = self._keys.places.test(row.kind, row.lies, credential).as_dict()
        return self._keep_report(actor, repository_id, "repository.check", report, "repository.test")

    def change_credential(self, actor: Actor, repository_id: str, credential: Credential) -> RepositoryRow:
        """Tested first, and kept only when it can do all that is needed."""
        with self._db.read() as conn:
            row = found(conn, actor, repository_id, "repository.update")
        actor.require_step_up()
        if row.on_disk or row.lies is None:
            raise Conflict("a repository on local disk has no credential", code="repository_local")
        if odd := sorted(set(credential) - set(KINDS[row.kind].secrets)):
            wanted = ", ".join(KINDS[row.kind].secrets)
            text = f"{odd[0]} is no credential of a repository of kind {row.kind}"
            raise Invalid(text, code="credential_kind", hint=f"One of this kind has: {wanted}.")
        report = self._tested(row.kind, row.lies, credential)
        return self._keep_report(actor, repository_id, "repository.update", report, "repository.credential", credential)

    def make_default(self, actor: Actor, repository_id: str) -> RepositoryRow:
        """Where snapshots of its environment go (of all environments, when it is for all) that name none."""
        with self._db.write() as conn:
            row = found(conn, actor, repository_id, "repository.update")
            store.make_default(conn, row)
            record(conn, actor, row, "repository.default")
            return replace(row, is_default=True)

    def _keep_report(
        self,
        actor: Actor,
        repository_id: str,
        permission: str,
        report: dict[str, Any],
        action: str,
        credential: Credential | None = None,
    ) -> RepositoryRow:
        kept = {"at": timestamp(self._clock.now())} | report
        with self._db.write() as conn:
            row = found(conn, actor, repository_id, permission)
            if credential is not None:
                self._keys.put_credential(conn, row, credential)
            record(conn, actor, row, action, ok=str(kept["ok"]).lower())
            return store.change(conn, RepositoryRow, row.id, last_test=kept) or row

    def list(
        self, actor: Actor, *, project_id: str | None = None, after: str | None = None, limit: int = 50
    ) -> Sequence[RepositoryRow]:
        actor.require_within("repository.read", project_id)
        visible = actor.visible("repository.read", Columns.of(repositories))
        with self._db.read() as conn:
            more: dict[str, Any] = {"project_id": project_id, "state": ["new", "ready"]}
            return store.page(conn, RepositoryRow, visible=visible, after=after, limit=limit, **more)

    def get(self, actor: Actor, repository_id: str) -> RepositoryRow:
        with self._db.read() as conn:
            return found(conn, actor, repository_id, "repository.read")

    def path(self, row: RepositoryRow) -> str:
        """Where it lies: what stock restic takes as -r; on another node, which."""
        return self._keys.where(row)

    def breaker(self, row: RepositoryRow) -> BreakerView | None:
        """What this process knows of its store."""
        return self._keys.places.breaker(row.id)

    def bytes(self, row: RepositoryRow) -> int | None:
        """What it takes: on disk by its files' sizes, in a bucket what its snapshots added. None while it is new, or on
        another node's disk."""
        if row.state == "new" or row.node not in (None, self._keys.node):
            return None
        if not row.on_disk:
            with self._db.read() as conn:
                return store.stored_bytes(conn, row.id)
        return format_of(row).bytes(LocalStore(self._keys.places.directory(row)))

    def key(self, actor: Actor, repository_id: str) -> tuple[str, str, Sequence[str]]:
        """(password, place, names of variables): all a stock tool needs, but not the values of the variables: whoever
        restores by hand has a key to the bucket of their own, or the recovery kit. Audited before it is answered."""
        with self._db.write() as conn:
            row = found(conn, actor, repository_id, "repository.key.reveal")
            actor.require_step_up()
            record(conn, actor, row, "repository.key.reveal")
            needs = self._keys.exports(conn, row).names()
            return self._keys.password(conn, row), self._keys.where(row), needs

    def older_keys(self, actor: Actor, repository_id: str) -> Sequence[str]:
        """What files of before a rotation need; told beside `key`."""
        with self._db.read() as conn:
            row = found(conn, actor, repository_id, "repository.key.reveal")
            actor.require_step_up()
            return self._keys.older(conn, row)


def on_this_disk(keys: Keys, given: str) -> tuple[dict[str, Any], str]:
    """(`lies`, `location`) of a directory of this machine. Raises Invalid (code "path_invalid")."""
    path = Path(given)
    if not path.is_absolute() or path.resolve().is_relative_to(keys.places.root.resolve()):
        raise Invalid(
            "the path of a repository is absolute, and not in Holdfast's own directory",
            code="path_invalid",
            details={"fields": [{"field": "path", "message": "is not absolute, or Holdfast's own"}]},
        )
    return {"path": str(path.resolve())}, f"file://{keys.node}{path.resolve()}"


_WHERE = ("endpoint", "host", "account", "bucket", "container", "path", "prefix")


def _place_of(row: RepositoryRow) -> dict[str, str]:
    """For the audit log: where, and never with what."""
    lies = row.lies or {}
    where = {name: str(lies[name]) for name in _WHERE if name in lies}
    return where | ({"environment_id": row.serves} if row.serves else {})
