"""Making recovery kits, and whether the newest one would still help."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

import holdfast
from holdfast.features.access.actor import Actor
from holdfast.features.secrets import store
from holdfast.features.secrets.kit import Kit, KitRepository, render
from holdfast.features.secrets.master_service import MasterKeyService
from holdfast.features.secrets.model import KitRecord
from holdfast.formats import age
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Invalid, NeedsOperator
from holdfast.kernel.ids import new_id
from holdfast.kernel.secrets import Secrets

MIN_PASSPHRASE = 16


@dataclass(frozen=True)
class Repositories:
    """What the slice above answers: every repository with its password, just their ids, and those whose password was
    changed after a moment. `prepare`: make the one that Holdfast's own snapshots go to, so that the kit has it."""

    all: Callable[[sa.Connection], Sequence[KitRepository]]
    ids: Callable[[sa.Connection], Sequence[str]]
    changed: Callable[[sa.Connection, datetime], Sequence[str]] = lambda _conn, _since: ()
    prepare: Callable[[sa.Connection], None] = lambda _conn: None


@dataclass(frozen=True)
class KitState:
    """`why`: why the newest kit, if there is one, is not enough; empty = it is."""

    installation: str | None
    newest: KitRecord | None
    master_key_id: str
    repositories: tuple[str, ...]
    why: tuple[str, ...]


class KitService:
    """A repository password stored only on the lost server is no backup."""

    def __init__(
        self, db: Database, clock: Clock, secrets: Secrets, master: MasterKeyService, repositories: Repositories
    ) -> None:
        self._db = db
        self._clock = clock
        self._secrets = secrets
        self._master = master
        self._repositories = repositories

    def state(self, actor: Actor) -> KitState:
        """Which kit there is, and what it lacks."""
        actor.require_everywhere("system.read")
        master = self._master.now()
        with self._db.read() as conn:
            newest = store.newest_kit(conn)
            there = tuple(self._repositories.ids(conn))
            changed = self._repositories.changed(conn, newest.made_at) if newest else ()
            why = _lacks(newest, master.id, there, changed)
            return KitState(store.installation_id(conn), newest, master.id, there, why)

    def create(self, actor: Actor, recipients: Sequence[str], passphrase: str | None) -> tuple[bytes, KitRecord]:
        """An armored age file, to `recipients` or with a passphrase, and the record that it was made.

        Raises Invalid("recipient_invalid"), Invalid("passphrase_short"), NeedsOperator when the master key's source
        no longer holds the key in use.
        """
        actor.require_everywhere("system.key.rotate")
        actor.require_step_up()
        kinds = _checked(recipients, passphrase)
        held = {key.id: key.text for key in self._secrets.master.read()}
        with self._db.write() as conn:
            record = self._record(conn, actor, kinds)
            kit = Kit(
                installation=store.ensure_installation(conn, new_id("ins"), self._clock.now()),
                made_at=record.made_at.isoformat(timespec="seconds"),
                holdfast=holdfast.__version__,
                master_keys=self._keys(held, record.master_key_id),
                master_key_place=self._secrets.master.source.where,
                repositories=self._repositories.all(conn),
            )
        content = render(kit).encode()
        if passphrase is not None:
            return age.encrypt_with_passphrase(content, passphrase), record
        return age.encrypt(content, recipients), record

    def _record(self, conn: sa.Connection, actor: Actor, kinds: Sequence[str]) -> KitRecord:
        """In the transaction that reads what goes into the kit: it is recorded before anyone has it."""
        key_id = self._secrets.wrapping_key(conn).id
        self._repositories.prepare(conn)
        ids = list(self._repositories.ids(conn))
        made = KitRecord(new_id("kit"), self._clock.now(), actor.id, key_id, ids, list(kinds))
        store.insert_kit(conn, made)
        details = {"kit_id": made.id, "key_id": key_id, "repositories": len(ids), "recipients": list(kinds)}
        audit.record(conn, actor=actor.id, action="recovery_kit.create", details=details)
        return made

    def _keys(self, held: Mapping[str, str], current: str) -> dict[str, str]:
        """The one in use first, then what a rotation under way still needs."""
        if current not in held:
            raise NeedsOperator(
                f"{self._secrets.master.source.where} no longer holds the master key in use ({current})",
                code="master_key_missing",
                hint="Put it back first: a kit without it would recover nothing.",
            )
        return {current: held[current], **held}


def _checked(recipients: Sequence[str], passphrase: str | None) -> list[str]:
    """The kinds of recipients, as they are recorded."""
    if (passphrase is None) is (not recipients):
        raise Invalid("give recipients or a passphrase, one of the two", code="recipient_invalid")
    if passphrase is not None:
        if len(passphrase) < MIN_PASSPHRASE:
            raise Invalid(
                f"a passphrase has at least {MIN_PASSPHRASE} characters",
                code="passphrase_short",
                hint="Five or more random words. Whoever has the file may try as often as he likes.",
                details={"fields": [{"field": "passphrase", "message": f"at least {MIN_PASSPHRASE} characters"}]},
            )
        return ["passphrase"]
    try:
        kinds = [age.kind_of(each) for each in recipients]
        age.encrypt(b"", recipients)
    except ValueError as error:
        raise Invalid(
            str(error),
            code="recipient_invalid",
            hint="age-keygen makes a key (age-keygen -pq one that quantum computers do not break).",
            details={"fields": [{"field": "recipients", "message": str(error)}]},
        ) from None
    return sorted(set(kinds))


def _lacks(
    newest: KitRecord | None, master_key_id: str, repositories: Sequence[str], changed: Sequence[str]
) -> tuple[str, ...]:
    if newest is None:
        return ("no recovery kit was made yet",)
    found = []
    if newest.master_key_id != master_key_id:
        found.append("the master key was rotated after the kit was made")
    if missing := len(set(repositories) - set(newest.repositories)):
        found.append(f"{missing} repositor{'y was' if missing == 1 else 'ies were'} made after the kit")
    if changed:
        found.append(f"the password of {len(changed)} of its repositories was changed after the kit")
    return tuple(found)
