"""Making and changing masking profiles, and finding the one a copy is masked with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.access.grants import Columns
from holdfast.features.masking import store
from holdfast.features.masking.model import MaskingProfile, masking_profiles
from holdfast.features.projects.names import checked_name
from holdfast.features.projects.scope import project_of
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.kernel.ids import new_id
from holdfast.web.changed import changed_meanwhile
from holdfast.web.idempotency import NEVER, Once

MAX_STATEMENTS, MAX_LENGTH = 200, 20_000


@dataclass(frozen=True)
class WantedProfile:
    name: str
    engine: str
    statements: Sequence[str]
    description: str = ""


class MaskingService:
    """`engines` are the names there are; a profile is written in one engine's own language."""

    def __init__(self, db: Database, clock: Clock, engines: Callable[[], Sequence[str]]) -> None:
        self._db = db
        self._clock = clock
        self._engines = engines

    def create(self, actor: Actor, project_id: str, wanted: WantedProfile, once: Once = NEVER) -> MaskingProfile:
        """Raises Conflict("name_taken") or Invalid. The statements are tried when a copy is made, not here."""
        if wanted.engine not in self._engines():
            raise Invalid(f"engines are {', '.join(self._engines())}", code="engine_unknown")
        statements = checked_statements(wanted.statements)
        now = self._clock.now()
        with self._db.write() as conn:
            project_of(conn, actor, project_id, "masking.write")
            once.check(conn)
            made = MaskingProfile(
                id=new_id("msk"),
                project_id=project_id,
                name=checked_name(wanted.name),
                engine=wanted.engine,
                description=wanted.description,
                statements=statements,
                version=1,
                created_by=actor.id,
                created_at=now,
                updated_at=now,
            )
            try:
                store.insert(conn, made)
            except sa.exc.IntegrityError:
                raise _taken(made.name) from None
            self._record(conn, actor, made, "masking.create", {"statements": len(statements)})
            once.keep(conn, made)
            return made

    def list(
        self, actor: Actor, project_id: str, *, after: str | None = None, limit: int = 50
    ) -> Sequence[MaskingProfile]:
        with self._db.read() as conn:
            project_of(conn, actor, project_id, "masking.read")
            visible = actor.visible("masking.read", Columns(masking_profiles.c.project_id))
            return store.page(conn, project_id, visible, after=after, limit=limit)

    def get(self, actor: Actor, profile_id: str) -> MaskingProfile:
        with self._db.read() as conn:
            return _found(conn, actor, profile_id, "masking.read")

    def update(self, actor: Actor, profile_id: str, version: int, changes: Mapping[str, Any]) -> MaskingProfile:
        """`name`, `description`, `statements`. Never the engine: the statements are in its language."""
        values = {key: changes[key] for key in ("name", "description", "statements") if changes.get(key) is not None}
        if "statements" in values:
            values["statements"] = checked_statements(values["statements"])
        if "name" in values:
            values["name"] = checked_name(values["name"])
        with self._db.write() as conn:
            before = _found(conn, actor, profile_id, "masking.write")
            try:
                changed = store.change(conn, profile_id, version, self._clock.now(), values)
            except sa.exc.IntegrityError:
                raise _taken(values["name"]) from None
            if changed is None:
                raise changed_meanwhile("masking profile")
            details = {key: [getattr(before, key), value] for key, value in values.items()}
            self._record(conn, actor, changed, "masking.update", details)
            return changed

    def delete(self, actor: Actor, profile_id: str, confirm: str) -> None:
        """`confirm` is its name. Copies made with it stay masked."""
        with self._db.write() as conn:
            profile = _found(conn, actor, profile_id, "masking.write")
            if confirm != profile.name:
                raise Invalid("confirm must be the name, exactly", code="confirm_mismatch")
            store.delete(conn, profile_id)
            self._record(conn, actor, profile, "masking.delete", {})

    @staticmethod
    def _record(
        conn: sa.Connection, actor: Actor, profile: MaskingProfile, action: str, details: Mapping[str, Any]
    ) -> None:
        audit.record(
            conn,
            actor=actor.id,
            action=action,
            project_id=profile.project_id,
            resource_id=profile.id,
            details={"name": profile.name, **details},
        )


def chosen(conn: sa.Connection, project_id: str, name: str, engine: str) -> MaskingProfile:
    """The project's profile of that name or id, for that engine. Raises NotFound, or Conflict for another engine."""
    profile = store.named(conn, project_id, name)
    if profile is None:
        raise no_such("masking_profile")
    if profile.engine != engine:
        raise Conflict(
            f"{profile.name!r} is written for {profile.engine}, the snapshot is of {engine}", code="masking_engine"
        )
    return profile


def checked_statements(statements: Sequence[str]) -> list[str]:
    """At least one, none empty. Raises Invalid."""
    if not 1 <= len(statements) <= MAX_STATEMENTS or any(
        not text.strip() or len(text) > MAX_LENGTH or "\0" in text for text in statements
    ):
        raise Invalid(
            f"1 to {MAX_STATEMENTS} statements of at most {MAX_LENGTH} characters, none empty",
            code="statements_invalid",
            details={"fields": [{"field": "statements", "message": "empty, too many or too long"}]},
        )
    return list(statements)


def _found(conn: sa.Connection, actor: Actor, profile_id: str, permission: str) -> MaskingProfile:
    profile = store.get(conn, profile_id)
    actor.require(permission, profile.place if profile else None, noun="masking_profile")
    if profile is None:
        raise no_such("masking_profile")
    return profile


def _taken(name: str) -> Conflict:
    return Conflict(f"there is a masking profile {name!r} already", code="name_taken", hint="Choose another name.")
