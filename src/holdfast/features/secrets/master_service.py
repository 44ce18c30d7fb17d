"""The master key as people see it: its id, where it is kept, rotating it. Never the key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor
from holdfast.kernel import audit
from holdfast.kernel.db import Database
from holdfast.kernel.rotation import DataKeyRotation, MasterRotation
from holdfast.kernel.secrets import Secrets, data_keys


@dataclass(frozen=True)
class MasterState:
    """`retiring`: keys of a rotation that has not ended; `data_keys` is how many the master key wraps."""

    id: str
    where: str
    retiring: tuple[str, ...]
    data_keys: int


@dataclass(frozen=True)
class Rotated:
    """`leftover`: take the keys before out of the source by hand. `data_keys` were made anew, when that was asked."""

    id: str
    before: tuple[str, ...]
    rewrapped: int
    leftover: bool
    data_keys: int
    resealed: int


class MasterKeyService:
    """Acts on the whole installation."""

    def __init__(self, db: Database, secrets: Secrets, data: DataKeyRotation) -> None:
        self._db = db
        self._secrets = secrets
        self._master = MasterRotation(db, secrets)
        self._data = data

    def state(self, actor: Actor) -> MasterState:
        actor.require_everywhere("system.read")
        return self.now()

    def now(self) -> MasterState:
        """For the composition root and for kits: nobody is asked for a permission."""
        states = self._master.states()
        with self._db.read() as conn:
            count = conn.execute(sa.select(sa.func.count()).select_from(data_keys)).scalar_one()
        return MasterState(
            next((key_id for key_id, state in states.items() if state == "current"), ""),
            self._secrets.master.source.where,
            tuple(key_id for key_id, state in states.items() if state == "retiring"),
            count,
        )

    def rotate(self, actor: Actor, *, with_data_keys: bool = False) -> Rotated:
        """A new master key, every data key wrapped anew; `with_data_keys` also new data keys, everything sealed anew.

        The second is for a key that was seen by someone: whoever copied the database too has the data keys. Answers
        when it is done; cut off, it is taken up at the next start or by calling this again.
        """
        actor.require_everywhere("system.key.rotate")
        actor.require_step_up()
        done = self._master.rotate(_told(actor.id, "master_key.rotate"))
        resealed = renewed = 0
        if with_data_keys:
            with self._db.read() as conn:
                everywhere = list(conn.scalars(sa.select(data_keys.c.environment_id).distinct()))
            for environment_id in everywhere:
                told = _told(actor.id, "secret.rotate", environment_id)
                with self._db.write() as conn:
                    told(conn, "started", {"version": self._data.begin(conn, environment_id)})
                resealed += self._data.finish(environment_id, told).resealed
                renewed += 1
        return Rotated(done.now, done.before, done.rewrapped, done.leftover, renewed, resealed)

    def resume(self) -> None:
        """Finish what a crash cut off. For the api's start."""
        if self._master.unfinished():
            self._master.finish(_told("system", "master_key.rotate"))


def _told(actor: str, action: str, environment_id: str | None = None) -> Callable[..., None]:
    def told(conn: sa.Connection, state: str, details: Mapping[str, Any]) -> None:
        audit.record(
            conn, actor=actor, action=action, environment_id=environment_id, details={"state": state, **details}
        )

    return told
