"""One's own account: what it says of oneself, and the name one goes by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.features.access.accounts import store
from holdfast.features.access.accounts.store import Role
from holdfast.features.access.accounts.users import found
from holdfast.features.access.actor import Actor
from holdfast.features.access.model import User
from holdfast.kernel import audit
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict
from holdfast.web.changed import changed_meanwhile


@dataclass(frozen=True)
class Account:
    """A person as they see themselves; `roles` are those in places, beside `user.role` in the installation."""

    user: User
    roles: Sequence[Role]


class AccountService:
    """Needs no permission: it never answers about anyone but the actor. Keys and admin.sock have no account."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def read(self, actor: Actor) -> Account:
        """Raises Conflict("not_a_person")."""
        _require_person(actor)
        with self._db.read() as conn:
            return Account(found(conn, actor.id).user, store.roles_of(conn, actor.id))

    def rename(self, actor: Actor, name: str) -> Account:
        """The name others see; the e-mail stays, since it is what one signs in with."""
        _require_person(actor)
        with self._db.write() as conn:
            store.hold(conn, actor.id)
            user = found(conn, actor.id).user
            if user.name != name:
                if not store.change_user(conn, user, {"name": name}):
                    raise changed_meanwhile("user")
                details = {"name": [user.name, name]}
                audit.record(conn, actor=actor.id, action="user.update", resource_id=actor.id, details=details)
            return Account(found(conn, actor.id).user, store.roles_of(conn, actor.id))


def _require_person(actor: Actor) -> None:
    if actor.kind != "user":
        raise Conflict(
            "keys and admin.sock have no account",
            code="not_a_person",
            hint="Sign in with a browser. GET /api/v1/session says what a key may do.",
        )
