"""The door with second factors, over a database of its own; only the clock is moved by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import metadata_home
import pyotp
import sqlalchemy as sa
from accounts_house import PASSWORD, code_of, hashed
from authenticator import Authenticator

from holdfast.features.access import store
from holdfast.features.access.actor import Actor, local_actor
from holdfast.features.access.factors.model import Assertion, Second, Site
from holdfast.features.access.factors.proof import Factors
from holdfast.features.access.factors.service import FactorsService
from holdfast.features.access.factors.totp import step_at
from holdfast.features.access.model import User
from holdfast.features.access.service import AccessService, SignedIn
from holdfast.kernel.audit import audit_events
from holdfast.kernel.clock import ManualClock
from holdfast.kernel.db import Database
from holdfast.kernel.ids import new_id
from holdfast.kernel.secrets import Secrets, load_master_key

ROOT = local_actor(0)
SITE = Site("localhost", "http://localhost:7700")
WRONG = "000000"


@dataclass
class Desk:
    db: Database
    clock: ManualClock
    access: AccessService
    factors: FactorsService
    proof: Factors

    def person(self, name: str = "ann", role: str = "developer") -> User:
        made = User(new_id("usr"), f"{name}@example.org", hashed(PASSWORD), role, self.clock.now(), None)
        with self.db.write() as conn:
            store.insert_user(conn, made)
        return made

    def actor(self, user: User) -> Actor:
        """A browser session of theirs, stepped up, without typing anything."""
        with self.db.write() as conn:
            token = self.access.open(conn, user).token
        return self.access.actor_of(token)

    def totp(self, user: User) -> tuple[pyotp.TOTP, list[str]]:
        """An app whose secret counts, and the recovery codes."""
        actor = self.actor(user)
        app = pyotp.TOTP(self.factors.begin_totp(actor, "Holdfast").secret)
        codes = self.factors.confirm_totp(actor, self.code(app))
        self.clock.advance(30)
        return app, codes

    def code(self, app: pyotp.TOTP, steps: int = 0) -> str:
        return app.generate_otp(step_at(self.clock.now()) + steps)

    def passkey(self, user: User, name: str = "laptop", **more: Any) -> Authenticator:
        device, actor = Authenticator(**more), self.actor(user)
        made, options = self.factors.passkey_options(actor, SITE)
        self.factors.add_passkey(actor, name, made.flow, device.create(options), SITE)
        return device

    def sign_in(self, user: User, code: str | None = None, **more: Any) -> SignedIn:
        return self.access.sign_in(user.email, more.pop("password", PASSWORD), Second(code, site=SITE), **more)

    def by_passkey(self, device: Authenticator, **bent: Any) -> SignedIn:
        made, options = self.access.passkey_options(SITE)
        return self.access.sign_in_by_passkey(Assertion(made.flow, device.get(options, **bent), SITE))

    def audit(self, action: str) -> list[dict[str, Any]]:
        found = sa.select(audit_events).where(audit_events.c.action == action).order_by(audit_events.c.id)
        with self.db.read() as conn:
            return [dict(row) for row in conn.execute(found).mappings()]


@contextmanager
def desk(folder: Path) -> Iterator[Desk]:
    db = Database(metadata_home.url(folder / "meta.db"))
    db.create_all()
    clock, secrets = ManualClock(), Secrets(db, load_master_key(folder / "master.key"))
    secrets.check()
    proof = Factors(secrets)
    yield Desk(db, clock, AccessService(db, clock, factors=proof), FactorsService(db, clock, secrets), proof)
    db.close()


__all__ = ["PASSWORD", "ROOT", "SITE", "WRONG", "Desk", "code_of", "desk"]
