"""The accounts part over a database of its own; only the clock is moved by hand. Not in conftest: several folders have
one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import metadata_home
import sqlalchemy as sa

from holdfast.features.access import store
from holdfast.features.access.accounts.hooks import UserHooks
from holdfast.features.access.accounts.invites import Acceptance, InvitesService, WantedInvite
from holdfast.features.access.accounts.recovery import RecoveryService
from holdfast.features.access.accounts.sessions import SessionsService
from holdfast.features.access.accounts.users import UsersService
from holdfast.features.access.accounts.wiring import accounts
from holdfast.features.access.actor import Actor, local_actor
from holdfast.features.access.model import User, role_grants
from holdfast.features.access.service import AccessService, SignedIn
from holdfast.features.projects.model import environments, projects
from holdfast.kernel import crypto
from holdfast.kernel.audit import audit_events
from holdfast.kernel.clock import ManualClock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import HoldfastError, Unauthenticated
from holdfast.kernel.ids import new_id

ROOT = local_actor(0)
OWNER, PASSWORD, OTHER = "owner@example.org", "correct horse battery staple", "seventeen goats on a hill"
MINUTE, HOUR, DAY = 60, 3600, 86400


@cache
def hashed(password: str) -> str:
    """Argon2 costs 100 ms: the tests' people have the same few passwords."""
    return crypto.hash_password(password)


@dataclass
class House:
    db: Database
    clock: ManualClock
    access: AccessService
    users: UsersService
    invites: InvitesService
    sessions: SessionsService
    recovery: RecoveryService
    called: list[tuple[str, str]] = field(default_factory=list)

    def person(self, name: str, role: str = "member", *, password: str = PASSWORD) -> User:
        made = User(new_id("usr"), f"{name}@example.org", hashed(password), role, self.clock.now(), None)
        with self.db.write() as conn:
            store.insert_user(conn, made)
        return made

    def signed_in(self, user: User) -> str:
        """A cookie's token, without typing the password."""
        with self.db.write() as conn:
            return self.access.open(conn, user, "Firefox").token

    def actor(self, user: User) -> Actor:
        return self.access.actor_of(self.signed_in(user))

    def out(self, token: str) -> bool:
        try:
            self.access.actor_of(token)
        except Unauthenticated:
            return True
        return False

    def project(self) -> str:
        """With its environment `development`."""
        project_id, now = new_id("prj"), self.clock.now()
        common = {"version": 1, "created_by": "test", "created_at": now, "updated_at": now}
        with self.db.write() as conn:
            conn.execute(projects.insert().values(id=project_id, name=project_id, description="", **common))
            row = {"id": new_id("env"), "project_id": project_id, "name": "development", "kind": "development"}
            conn.execute(environments.insert().values(**row, colour="green", **common))
        return project_id

    def environment(self, project_id: str) -> str:
        with self.db.read() as conn:
            found = sa.select(environments.c.id).where(environments.c.project_id == project_id)
            return str(conn.execute(found).scalar_one())

    def grant(self, user: User, role: str, project_id: str, environment_id: str | None = None) -> None:
        row = {"id": new_id("grt"), "user_id": user.id, "role": role, "project_id": project_id}
        with self.db.write() as conn:
            conn.execute(
                role_grants.insert().values(
                    **row, environment_id=environment_id, created_by="test", created_at=self.clock.now()
                )
            )

    def invited(self, email: str = "new@example.org", actor: Actor = ROOT, **wanted: Any) -> str:
        """The token of an invite's link."""
        return token_of(self.invites.create(actor, WantedInvite(email, **wanted))[1])

    def accept(self, token: str, password: str = PASSWORD, **more: Any) -> SignedIn:
        return self.invites.accept(Acceptance(token, "New Person", password, **more))

    def audit(self, action: str) -> list[Mapping[str, Any]]:
        found = sa.select(audit_events).where(audit_events.c.action == action).order_by(audit_events.c.id)
        with self.db.read() as conn:
            return [dict(row) for row in conn.execute(found).mappings()]

    def rows(self, table: sa.Table) -> list[tuple[Any, ...]]:
        with self.db.read() as conn:
            return sorted((tuple(row) for row in conn.execute(sa.select(table))), key=repr)


def token_of(link: str) -> str:
    return link.partition("=")[2]


def code_of(refused: Any) -> str:
    """Of a call that must be refused."""
    try:
        refused()
    except HoldfastError as error:
        return error.code
    return "done"


@contextmanager
def house(folder: Path) -> Iterator[House]:
    db = Database(metadata_home.url(folder / "meta.db"))
    db.create_all()
    clock, called = ManualClock(), list[tuple[str, str]]()

    def hears(name: str) -> Any:
        return lambda _conn, user_id: called.append((name, user_id))

    hooks = UserHooks((hears("ended"),), (hears("reset"),), (hears("gone"),))
    access = AccessService(db, clock)
    parts = accounts(db, clock, access, hooks, origin="https://holdfast.example.org")
    kinds = (UsersService, InvitesService, SessionsService, RecoveryService)
    yield House(db, clock, access, *(parts[kind] for kind in kinds), called)  # type: ignore[arg-type]
    db.close()
