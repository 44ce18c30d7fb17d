"""Everything that makes and checks tokens, over a metadata file and a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import metadata_home
import sqlalchemy as sa

from holdfast.features.access.actor import Actor, local_actor
from holdfast.features.access.keys import KeyService
from holdfast.features.access.model import User, users
from holdfast.features.access.tokens.service import TokenService
from holdfast.kernel import audit
from holdfast.kernel.clock import ManualClock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Unauthenticated
from holdfast.kernel.ids import new_id
from holdfast.kernel.secrets import Secrets, load_master_key

ISSUER = "http://127.0.0.1:7700"
ROOT: Actor = local_actor(0)


@dataclass
class Desk:
    db: Database
    clock: ManualClock
    secrets: Secrets
    keys: KeyService
    tokens: TokenService

    def user(self, email: str = "ann@example.org", role: str = "developer") -> User:
        made = User(new_id("usr"), email, "", role, self.clock.now(), None)
        with self.db.write() as conn:
            conn.execute(users.insert().values(**vars(made)))
        return made

    def another_process(self) -> TokenService:
        """The same installation, with nothing in memory."""
        return TokenService(self.db, self.clock, self.secrets, self.keys, issuer=ISSUER)

    def refused(self, token: str) -> bool:
        try:
            self.tokens.actor_of(token)
        except Unauthenticated as error:
            if error.message != "this token is not valid":  # it must never say why
                raise
            return True
        return False

    def audit(self, action: str) -> list[dict[str, Any]]:
        table = audit.audit_events
        with self.db.read() as conn:
            found = conn.execute(sa.select(table).where(table.c.action == action).order_by(table.c.id))
            return [dict(row) for row in found.mappings()]


@contextmanager
def desk(folder: Path) -> Iterator[Desk]:
    db = Database(metadata_home.url(folder / "meta.db"))
    db.create_all()
    clock = ManualClock()
    secrets = Secrets(db, load_master_key(folder / "master.key"))
    keys = KeyService(db, clock)
    yield Desk(db, clock, secrets, keys, TokenService(db, clock, secrets, keys, issuer=ISSUER))
    db.close()
