"""Making, trying and deleting the keys of plain files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.access.grants import Columns
from holdfast.features.file_keys import store
from holdfast.features.file_keys.kinds import KINDS, MATERIAL, checked_credential
from holdfast.features.file_keys.material import Material, local, tried
from holdfast.features.file_keys.model import FileKey, file_keys
from holdfast.features.projects.scope import environment_of, project_of
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.kernel.ids import new_id
from holdfast.kernel.outbound import OutboundPolicy
from holdfast.kernel.secrets import Secrets
from holdfast.vault.plain.named import OWN
from holdfast.web.idempotency import NEVER, Once

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
SHOWN = 20  # of what uses a key


@dataclass(frozen=True)
class WantedKey:
    """`recipients`: of kind age. `public_key`: of kind gpg, armored. `material`: an identity or a passphrase; None has
    one made. `place`, `credential`: of a service."""

    name: str
    kind: str
    description: str = ""
    environment_id: str | None = None
    recipients: Sequence[str] = ()
    public_key: str | None = None
    material: str | None = field(default=None, repr=False)
    place: Mapping[str, Any] = field(default_factory=dict, repr=False)
    credential: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Use:
    """What uses a key. `blocks`: it has to be changed before the key can go; else it is what would not open any more.
    `names`: the first of them."""

    noun: str
    total: int
    names: Sequence[str]
    blocks: bool


Uses = Callable[[sa.Connection, FileKey], Use]


class FileKeysService:
    """Every verb takes the actor first and raises Denied or NotFound before it reads or writes anything else."""

    def __init__(
        self, db: Database, secrets: Secrets, policy: OutboundPolicy, clock: Clock, uses: Sequence[Uses]
    ) -> None:
        self._db, self._secrets, self._policy, self._clock = db, secrets, policy, clock
        self._uses = uses

    def create(self, actor: Actor, project_id: str, wanted: WantedKey, once: Once = NEVER) -> FileKey:
        """A key that a service has is tried first, and kept only when it seals and opens. Raises Conflict
        ("name_taken"), Invalid, and what `KeyWrapper` raises."""
        with self._db.read() as conn:
            self._allowed(conn, actor, project_id, wanted.environment_id)
        _checked_name(wanted.name)
        made = self._material(wanted)
        now = self._clock.now()
        with self._db.write() as conn:
            self._allowed(conn, actor, project_id, wanted.environment_id)
            once.check(conn)
            key = FileKey(
                id=new_id("fkey"),
                project_id=project_id,
                environment_id=wanted.environment_id,
                name=wanted.name,
                kind=wanted.kind,
                description=wanted.description,
                fingerprint=made.fingerprint,
                recipients=list(made.recipients),
                place=dict(made.place),
                created_by=actor.id,
                created_at=now,
                credential_at=now if made.credential else None,
            )
            if store.named(conn, project_id, wanted.name) is not None:
                raise Conflict(
                    f"there is a file key {key.name!r} already", code="name_taken", hint="Choose another name."
                )
            store.insert(conn, key)
            for name, value in made.secrets.items():
                self._secrets.put(conn, project_id, key.id, name, value)
            self._record(conn, actor, key, "file_key.create", {"kind": key.kind, "fingerprint": key.fingerprint or ""})
            once.keep(conn, key)
            return key

    def _material(self, wanted: WantedKey) -> Material:
        kind = KINDS.get(wanted.kind)
        if kind is None:
            raise Invalid(f"kinds are {', '.join(KINDS)}", code="file_key_kind")
        if not kind.credential:
            if wanted.place or wanted.credential:
                raise Invalid(f"a key of kind {wanted.kind} has no service", code="file_key_place")
            return local(wanted.kind, wanted.recipients, wanted.public_key, wanted.material)
        if wanted.recipients or wanted.public_key or wanted.material:
            raise Invalid(f"the service has the key of kind {wanted.kind}: give none", code="file_key_material")
        credential = checked_credential(wanted.kind, wanted.place, wanted.credential)
        return tried(wanted.kind, wanted.name, wanted.place, credential, self._policy, self._clock)

    def list(self, actor: Actor, project_id: str, *, after: str | None = None, limit: int = 50) -> Sequence[FileKey]:
        """Oldest first."""
        with self._db.read() as conn:
            actor.require_within("file.key.read", project_id)
            visible = actor.visible("file.key.read", Columns.of(file_keys))
            return store.page(conn, project_id, visible, after=after, limit=limit)

    def get(self, actor: Actor, key_id: str) -> tuple[FileKey, Sequence[Use]]:
        """With what uses it."""
        with self._db.read() as conn:
            key = _found(conn, actor, key_id, "file.key.read")
            return key, self._used(conn, key)

    def test(self, actor: Actor, key_id: str) -> FileKey:
        """Seal and open something with it, as far as Holdfast can. Raises as `create`."""
        with self._db.read() as conn:
            key = _found(conn, actor, key_id, "file.key.write")
            credential = self._secrets.all(conn, key.project_id, key.id)
        if KINDS[key.kind].credential:
            self._same(key, tried(key.kind, key.name, key.place, credential, self._policy, self._clock))
        else:
            local(key.kind, *_given(key), credential.get(MATERIAL))
        return key

    def change_credential(self, actor: Actor, key_id: str, credential: Mapping[str, str]) -> FileKey:
        """Another token, secret id or access key. Tried first, and kept only when the key is still the same one."""
        with self._db.read() as conn:
            key = _found(conn, actor, key_id, "file.key.write")
        actor.require_step_up()
        if not KINDS[key.kind].credential:
            raise Conflict(
                f"a key of kind {key.kind} has no credential",
                code="file_key_kind",
                hint="What it is stays as it was made. For another one add another key.",
            )
        checked = checked_credential(key.kind, key.place, credential)
        self._same(key, tried(key.kind, key.name, key.place, checked, self._policy, self._clock))
        with self._db.write() as conn:
            key = _found(conn, actor, key_id, "file.key.write")
            for name in KINDS[key.kind].credential:
                self._secrets.delete(conn, key.project_id, key.id, name)
                if name in checked:
                    self._secrets.put(conn, key.project_id, key.id, name, checked[name])
            store.touch(conn, key.id, self._clock.now())
            self._record(conn, actor, key, "file_key.credential", {})
            return key

    def reveal(self, actor: Actor, key_id: str) -> tuple[FileKey, str]:
        """The identity or passphrase that is kept here. Audited before it is answered."""
        with self._db.write() as conn:
            key = _found(conn, actor, key_id, "file.key.reveal")
            actor.require_step_up()
            found = self._secrets.all(conn, key.project_id, key.id).get(MATERIAL)
            if found is None:
                raise Conflict(
                    f"Holdfast does not have the secret of {key.name!r} (kind {key.kind})", code="file_key_kind"
                )
            self._record(conn, actor, key, "file.key.reveal", {})
            return key, found

    def delete(self, actor: Actor, key_id: str, confirm: str, *, lose: bool = False) -> None:
        """`confirm` is its name. Raises Conflict ("file_key_in_use") with what uses it: what would choose it has to be
        changed first; files that would not open here any more are given up only with `lose`."""
        with self._db.write() as conn:
            key = _found(conn, actor, key_id, "file.key.write")
            actor.require_step_up()
            if confirm != key.name:
                raise Invalid("confirm must be the name, exactly", code="confirm_mismatch")
            used = [use for use in self._used(conn, key) if use.total]
            if standing := [use for use in used if use.blocks or not lose]:
                raise _in_use(key, standing)
            self._secrets.delete_resource(conn, key.project_id, key.id)
            store.delete(conn, key.id)
            lost = sum(use.total for use in used)
            self._record(conn, actor, key, "file_key.delete", {"kind": key.kind, "unreadable": lost})

    def _used(self, conn: sa.Connection, key: FileKey) -> Sequence[Use]:
        return [use(conn, key) for use in self._uses]

    @staticmethod
    def _same(key: FileKey, found: Material) -> None:
        if found.fingerprint != key.fingerprint or dict(found.place) != dict(key.place):
            raise Conflict(
                f"what the service has now is another key than {key.name!r}",
                code="file_key_changed",
                hint="Files of before name the version they need. For the new one add another key.",
            )

    @staticmethod
    def _allowed(conn: sa.Connection, actor: Actor, project_id: str, environment_id: str | None) -> None:
        if environment_id is None:
            project_of(conn, actor, project_id, "file.key.write")
            return
        environment = environment_of(conn, actor, environment_id, "file.key.write")
        if environment.project_id != project_id:
            raise no_such("environment")

    @staticmethod
    def _record(conn: sa.Connection, actor: Actor, key: FileKey, action: str, details: Mapping[str, Any]) -> None:
        audit.record(
            conn,
            actor=actor.id,
            action=action,
            project_id=key.project_id,
            environment_id=key.environment_id,
            resource_id=key.id,
            details={"name": key.name, **details},
        )


def _given(key: FileKey) -> tuple[Sequence[str], str | None]:
    return ((), key.recipients[0]) if key.kind == "gpg" else (key.recipients if key.kind == "age" else (), None)


def _checked_name(name: str) -> None:
    if not _NAME.fullmatch(name) or name == OWN:
        message = f"1-63 small letters, digits, dots, dashes and underscores, and not {OWN!r}"
        raise Invalid(
            f"the name of a file key has {message}",
            code="name_invalid",
            details={"fields": [{"field": "name", "message": message}]},
        )


def _found(conn: sa.Connection, actor: Actor, key_id: str, permission: str) -> FileKey:
    key = store.get(conn, key_id)
    actor.require(permission, key.scope if key else None, noun="file_key")
    if key is None:
        raise no_such("file_key")
    return key


def _in_use(key: FileKey, uses: Sequence[Use]) -> Conflict:
    said = ", ".join(f"{use.total} {use.noun}{'s' if use.total != 1 else ''}" for use in uses)
    blocked = any(use.blocks for use in uses)
    hint = (
        "Give those another key first: holdfast repo file-key NAME, holdfast plan update NAME --key KEY."
        if blocked
        else "Those snapshots would not open here any more. Keep the key; or say so: --lose-snapshots."
    )
    return Conflict(
        f"the file key {key.name!r} is used by {said}",
        code="file_key_in_use",
        hint=hint,
        details={"uses": [{"noun": use.noun, "total": use.total, "names": list(use.names)} for use in uses]},
    )
