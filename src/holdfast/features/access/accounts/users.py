"""People: who has an account, what they are in the installation, and the end of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from holdfast.features.access import lockout
from holdfast.features.access.accounts import rights, store
from holdfast.features.access.accounts.hooks import UserHooks
from holdfast.features.access.accounts.model import invites
from holdfast.features.access.accounts.store import Person
from holdfast.features.access.actor import Actor, no_such
from holdfast.features.access.model import User
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.web.changed import changed_meanwhile

NO_HOOKS = UserHooks()


@dataclass(frozen=True)
class UserChanges:
    """What is None stays as it is."""

    name: str | None = None
    role: str | None = None
    disabled: bool | None = None


class UsersService:
    """Accounts are the installation's: whoever is let into projects only does not see them."""

    def __init__(self, db: Database, clock: Clock, hooks: UserHooks = NO_HOOKS) -> None:
        self._db = db
        self._clock = clock
        self._hooks = hooks

    def list(
        self,
        actor: Actor,
        *,
        email: str | None = None,
        deleted: bool = False,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[Person]:
        actor.require_everywhere("user.read")
        with self._db.read() as conn:
            return store.people(conn, email=email, deleted=deleted, after=after, limit=limit)

    def get(self, actor: Actor, user_id: str) -> Person:
        """Deleted ones too, without e-mail and name: records name them by id."""
        actor.require_everywhere("user.read")
        with self._db.read() as conn:
            return found(conn, user_id)

    def update(self, actor: Actor, user_id: str, version: int, changes: UserChanges) -> Person:
        """Role and `disabled` need the password again, and no less than the person's rights and the role's.

        Disabling ends the sessions. Raises Denied, PreconditionFailed, Conflict("last_owner" or "user_deleted").
        """
        actor.require_everywhere("user.update")
        with self._db.write() as conn:
            user = living(conn, user_id)
            values = self._values(conn, actor, user, changes)
            if not values and user.version == version:
                return found(conn, user_id)
            if user.version != version or not store.change_user(conn, user, values):
                raise changed_meanwhile("user")
            if changes.disabled and user.disabled_at is None:
                self._shut_out(conn, user)
            details = {key: [getattr(user, key), value] for key, value in values.items() if key != "disabled_at"}
            if "disabled_at" in values:
                details["disabled"] = [user.disabled_at is not None, bool(changes.disabled)]
            audit.record(conn, actor=actor.id, action="user.update", resource_id=user_id, details=details)
            return found(conn, user_id)

    def delete(self, actor: Actor, user_id: str, confirm: str) -> None:
        """Ends everything that lets the person in; `confirm` is the e-mail, typed.

        The row stays without e-mail and name, so that the audit log's ids and every `created_by` still lead somewhere;
        nobody can sign in to it, and the e-mail is free for a new account. Raises Conflict("last_owner").
        """
        actor.require_everywhere("user.delete")
        with self._db.write() as conn:
            user = living(conn, user_id)
            actor.require_step_up()
            rights.require_above(conn, actor, user)
            if confirm.strip().lower() != user.email:
                raise Invalid(
                    "confirm must be the person's e-mail address",
                    code="confirm_mismatch",
                    details={"fields": [{"field": "confirm", "message": "is not the e-mail"}]},
                )
            rights.require_another_owner(conn, user)
            now = self._clock.now()
            self._shut_out(conn, user)
            self._hooks.user_reset(conn, user_id)
            self._hooks.user_gone(conn, user_id)
            ended = {"grants": store.revoke_grants(conn, user_id), "keys": store.revoke_keys(conn, user_id, now)}
            lockout.forget(conn, user.email)
            store.erase_user(conn, user, now)
            details = {"role": user.role, "ended": ended}
            audit.record(conn, actor=actor.id, action="user.delete", resource_id=user_id, details=details)

    def _values(self, conn: sa.Connection, actor: Actor, user: User, changes: UserChanges) -> dict[str, Any]:
        values: dict[str, Any] = {}
        if changes.name is not None and changes.name != user.name:
            values["name"] = changes.name
        if changes.role is None and changes.disabled is None:
            return values
        actor.require_step_up()
        rights.require_above(conn, actor, user)
        if changes.role is not None and changes.role != user.role:
            rights.require_role(conn, changes.role)
            wanted = rights.meaning(conn, changes.role, ())
            rights.require_covering(actor, wanted, "Nobody gives a role that may do more than they may.")
            values["role"] = changes.role
        if changes.disabled is not None and changes.disabled != (user.disabled_at is not None):
            values["disabled_at"] = self._clock.now() if changes.disabled else None
        if "role" in values or values.get("disabled_at"):
            rights.require_another_owner(conn, user)
        return values

    def _shut_out(self, conn: sa.Connection, user: User) -> None:
        """Sessions, what stands for them, and the invites the person has open end."""
        now = self._clock.now()
        store.end_sessions(conn, user.id, now)
        self._hooks.sessions_ended(conn, user.id)
        store.drop_resets(conn, user.id)
        store.revoke_invites(conn, invites.c.created_by == user.id, now)


def found(conn: sa.Connection, user_id: str) -> Person:
    """Raises NotFound."""
    person = store.person(conn, user_id)
    if person is None:
        raise no_such("user")
    return person


def living(conn: sa.Connection, user_id: str) -> User:
    """Held for a change. Raises NotFound, or `Conflict("user_deleted")` for what is left of an account."""
    store.hold(conn, user_id)
    user = found(conn, user_id).user
    if user.deleted_at is not None:
        raise Conflict("this account was deleted", code="user_deleted", hint="Invite the person again.")
    return user
