"""Two projects of two environments of two databases each, in names that say where they are, and people in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import metadata_home
import sqlalchemy as sa

from holdfast.features.access import store
from holdfast.features.access.actor import Actor, local_actor
from holdfast.features.access.granting.grants import GrantsService
from holdfast.features.access.granting.model import WantedGrant, WantedRole
from holdfast.features.access.granting.roles import RolesService
from holdfast.features.access.grants import Place
from holdfast.features.access.keys import KeyService
from holdfast.features.access.model import User, users
from holdfast.features.access.places import Whereabouts
from holdfast.features.access.roles import grants_of
from holdfast.kernel import audit
from holdfast.kernel.clock import ManualClock
from holdfast.kernel.db import Database
from holdfast.kernel.ids import new_id

ROOT = local_actor(0)
PROJECTS = ("p", "q")
ENVIRONMENTS = tuple(f"{project}{number}" for project in PROJECTS for number in (1, 2))
RESOURCES = tuple(f"{environment}{letter}" for environment in ENVIRONMENTS for letter in "ab")


def place(name: str) -> Place:
    """`p`, `p1`, `p1a`: the name is the path."""
    return Place(*(name[: length + 1] for length in range(len(name))))


PLACES = {name: place(name) for name in (*PROJECTS, *ENVIRONMENTS, *RESOURCES)}


def _of_length(length: int) -> dict[str, Place]:
    return {name: at for name, at in PLACES.items() if len(name) == length}


WHERE = Whereabouts(
    lambda _, thing: _of_length(1).get(thing),
    lambda _, thing: _of_length(2).get(thing),
    lambda _, thing: _of_length(3).get(thing),
)


@dataclass
class World:
    db: Database
    clock: ManualClock
    keys: KeyService
    roles: RolesService
    grants: GrantsService

    def user(self, email: str, role: str = "member") -> str:
        user_id = new_id("usr")
        with self.db.write() as conn:
            store.insert_user(conn, User(user_id, email, "", role, self.clock.now(), None))
        return user_id

    def person(self, user_id: str) -> Actor:
        """The user, signed in a moment ago."""
        with self.db.read() as conn:
            user = store.user(conn, user_id)
            assert user is not None
            return Actor(user.id, "user", user.email, grants_of(conn, user))

    def someone(self, email: str, **roles: str) -> Actor:
        """A member with these roles: place -> role, `everywhere` for the installation."""
        user_id = self.user(email)
        for name, role in roles.items():
            self.give(user_id, role, name)
        return self.person(user_id)

    def give(self, user_id: str, role: str, where: str = "everywhere", by: Actor = ROOT) -> str:
        return self.grants.create(by, wanted(user_id, role, where)).id

    def role(self, name: str, permissions: Iterable[str], by: Actor = ROOT) -> str:
        return self.roles.create(by, WantedRole(name, frozenset(permissions))).id

    def disable(self, user_id: str, *, back: bool = False) -> None:
        with self.db.write() as conn:
            conn.execute(
                users.update().where(users.c.id == user_id).values(disabled_at=None if back else self.clock.now())
            )

    def audit(self, action: str) -> list[dict[str, object]]:
        table = audit.audit_events
        with self.db.read() as conn:
            rows = conn.execute(sa.select(table).where(table.c.action == action).order_by(table.c.id)).mappings()
            return [dict(row) for row in rows]


def wanted(user_id: str, role: str, where: str) -> WantedGrant:
    if where == "everywhere":
        return WantedGrant(role, user_id=user_id)
    if len(where) == 1:
        return WantedGrant(role, user_id=user_id, project_id=where)
    return WantedGrant(role, user_id=user_id, environment_id=where)


def world(folder: Path) -> World:
    db = Database(metadata_home.url(folder / "meta.db"))
    db.create_all()
    clock = ManualClock()
    return World(db, clock, KeyService(db, clock, WHERE), RolesService(db, clock), GrantsService(db, clock, WHERE))
