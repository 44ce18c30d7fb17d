"""Rotating the master key and data keys while everything goes on working.

Each rotation is a row's state, small transactions, and an end that first proves nothing needs the old key. Killed at
any moment it is taken up again by calling the same verb, and whatever was stored opens all the while: the old key and
the new one stay until the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.crypto import ALGORITHM, aad_of, open_sealed, seal, sealed_by
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Corrupt, NeedsOperator, Retryable
from holdfast.kernel.master import MasterKey
from holdfast.kernel.secrets import Sealed, Secrets, current_data_key, data_keys, master_keys

BATCH = 100  # some ten milliseconds in which nobody else writes
_PAUSE_SECONDS = 0.002  # lets other writers in: SQLite has no queue
_TRIES = 20

Told = Callable[[sa.Connection, str, Mapping[str, Any]], None]


@dataclass(frozen=True)
class MasterRotated:
    """`leftover`: the source still holds a retired key, and only a person can take it out."""

    before: tuple[str, ...]
    now: str
    rewrapped: int
    leftover: bool


@dataclass(frozen=True)
class DataKeyRotated:
    """`version` of the data key that seals now; `resealed` ciphertexts were moved to it."""

    version: int
    resealed: int
    destroyed: int


class MasterRotation:
    """The master key of the whole installation. Several processes may drive one rotation at once."""

    def __init__(self, db: Database, secrets: Secrets, batch: int = BATCH) -> None:
        self._db = db
        self._secrets = secrets
        self._batch = batch

    def states(self) -> dict[str, str]:
        """Id -> current, retiring or retired, of every master key this installation has had."""
        with self._db.read() as conn:
            return {row.id: row.state for row in conn.execute(sa.select(master_keys).order_by(master_keys.c.since))}

    def unfinished(self) -> bool:
        """Whether a rotation was cut off, or is at work. Asks the database, not the source."""
        states = self.states()
        return "retiring" in states.values() or any(
            states.get(key_id) == "retired" for key_id in self._secrets.master.held
        )

    def rotate(self, told: Told) -> MasterRotated:
        """A new key, or the one the source holds already and nothing uses. One under way is finished instead.

        `told` records the beginning and the end in their transactions. Raises NeedsOperator when the source cannot be
        read or changed, Corrupt when a data key does not open: the rotation then stands where it was.
        """
        self._begin(told)
        return self.finish(told)

    def finish(self, told: Told) -> MasterRotated:
        """Take up a rotation that was begun; nothing to do is not an error."""
        done = 0
        while count := self._rewrap():
            done += count
            crash_point("master.batch")
            time.sleep(_PAUSE_SECONDS)
        crash_point("master.rewrapped")
        retired, now = self._retire(told, done)
        crash_point("master.retired")
        return MasterRotated(retired, now, done, self._clear_source())

    def _begin(self, told: Told) -> None:
        states = self.states()
        if "retiring" in states.values():
            return
        held = self._secrets.master.read()
        current = next(key_id for key_id, state in states.items() if state == "current")
        if current not in {key.id for key in held}:
            raise NeedsOperator(
                f"{self._secrets.master.source.where} no longer holds the master key in use ({current})",
                code="master_key_missing",
                hint="Put it back beside the new one, the newest first: what is stored opens with it only.",
            )
        new = next((key for key in held if key.id not in states), None) or self._added(held)
        crash_point("master.key_added")
        with self._db.write() as conn:
            c = master_keys.c
            there = conn.execute(sa.select(c.id, c.state).where(c.state != "retired").with_for_update()).all()
            if [tuple(row) for row in there] != [(current, "current")]:
                return  # another process was faster; the key that was added waits for the next rotation
            conn.execute(master_keys.update().where(c.id == current).values(state="retiring", since=datetime.now(UTC)))
            conn.execute(master_keys.insert().values(id=new.id, state="current", since=datetime.now(UTC)))
            told(conn, "started", {"from": current, "to": new.id})
        crash_point("master.switched")

    def _added(self, held: Sequence[MasterKey]) -> MasterKey:
        new = MasterKey.new()
        self._secrets.master.source.replace(held, (new, *held))
        self._secrets.master.read()
        return new

    def _rewrap(self) -> int:
        """One batch of data keys that are not under the current key yet; 0 = there are none."""
        with self._db.write() as conn:
            key = self._secrets.wrapping_key(conn)
            c = data_keys.c
            others = sa.not_(c.wrapped.startswith(_named(key.id), autoescape=True))
            rows = conn.execute(sa.select(data_keys).where(others).order_by(c.id).limit(self._batch)).all()
            changes = []
            for row in rows:
                aad = aad_of("data key", row.project_id, row.environment_id, row.version)
                changes.append({"its_id": row.id, "old": row.wrapped, "fresh": seal(key, self._raw(row, aad), aad)})
            if changes:
                same = sa.and_(c.id == sa.bindparam("its_id"), c.wrapped == sa.bindparam("old"))
                conn.execute(data_keys.update().where(same).values(wrapped=sa.bindparam("fresh")), changes)
            return len(rows)

    def _raw(self, row: sa.Row[Any], aad: bytes) -> bytes:
        """From the row, not from what this process has open: what is wrapped anew must be what is stored."""
        try:
            return open_sealed(self._secrets.master.get(sealed_by(row.wrapped)).key, row.wrapped, aad)
        except Corrupt as error:
            raise Corrupt(
                f"the data key {row.id} of environment {row.environment_id} does not open; both master keys stay",
                code=error.code,
                hint="Restore its row of data_keys from a backup of the metadata database, then rotate again.",
            ) from error

    def _retire(self, told: Told, done: int) -> tuple[tuple[str, ...], str]:
        with self._db.write() as conn:
            c = master_keys.c
            now = self._secrets.wrapping_key(conn).id
            retiring = tuple(conn.scalars(sa.select(c.id).where(c.state == "retiring").order_by(c.since)))
            for key_id in retiring:
                used = data_keys.c.wrapped.startswith(_named(key_id), autoescape=True)
                if conn.execute(sa.select(data_keys.c.id).where(used).limit(1)).first():
                    raise Retryable("data keys are still being wrapped anew", code="rotation_unfinished")
            if retiring:
                retired = {"state": "retired", "since": datetime.now(UTC)}
                conn.execute(master_keys.update().where(c.id.in_(retiring)).values(retired))
                told(conn, "finished", {"from": list(retiring), "to": now, "rewrapped": done})
            return retiring, now

    def _clear_source(self) -> bool:
        """Take keys that nothing opens any more out of the source; True when it cannot be done from here."""
        source = self._secrets.master.source
        for _ in range(_TRIES):
            states, held = self.states(), self._secrets.master.read()
            kept = [key for key in held if states.get(key.id) != "retired"]
            if len(kept) == len(held):
                self._secrets.master.forget(key_id for key_id, state in states.items() if state == "retired")
                return False
            try:
                source.replace(held, kept)
            except NeedsOperator as error:
                if error.code != "master_key_readonly":
                    raise
                return True
            except Retryable:
                time.sleep(_PAUSE_SECONDS)
        return True


class DataKeyRotation:
    """The data key of one environment; `tables` are all that hold ciphertexts under it."""

    def __init__(self, db: Database, secrets: Secrets, tables: Sequence[Sealed], batch: int = BATCH) -> None:
        self._db = db
        self._secrets = secrets
        self._tables = tuple(tables)
        self._batch = batch

    def unfinished(self) -> list[str]:
        """Environments with more than one data key: their rotation was cut off, or is at work."""
        c = data_keys.c
        with self._db.read() as conn:
            counted = sa.select(c.environment_id).group_by(c.environment_id).having(sa.func.count() > 1)
            return list(conn.scalars(counted))

    def begin(self, conn: sa.Connection, environment_id: str) -> int:
        """Give the environment a new data key in the caller's transaction, unless a rotation is under way: its version.

        From the commit on everything new is sealed with it. `finish` moves what was sealed before.
        """
        there = conn.execute(sa.select(data_keys.c.id).where(data_keys.c.environment_id == environment_id)).all()
        before = current_data_key(conn, environment_id)
        if before is not None and len(there) > 1:
            return int(before.version)
        return int(self._secrets.open_environment(conn, before.project_id if before else "-", environment_id).version)

    def finish(self, environment_id: str, told: Told) -> DataKeyRotated:
        """Seal everything with the newest data key and destroy the older ones. Nothing to do is not an error."""
        crash_point("datakey.added")
        resealed = 0
        for _ in range(_TRIES):
            while count := self._reseal(environment_id):
                resealed += count
                crash_point("datakey.batch")
                time.sleep(_PAUSE_SECONDS)
            crash_point("datakey.resealed")
            try:
                done = self._destroy(environment_id, resealed, told)
            except sa.exc.IntegrityError:  # PostgreSQL: something sealed with the old key was committed meanwhile
                continue
            crash_point("datakey.destroyed")
            return done
        raise Retryable("the old data key is still in use", code="rotation_unfinished", hint="Rotate again.")

    def _reseal(self, environment_id: str) -> int:
        with self._db.write() as conn:
            newest = current_data_key(conn, environment_id)
            if newest is None:
                return 0
            key = self._secrets.unwrap(newest)
            left = self._batch
            for sealed in self._tables:
                rows = conn.execute(self._secrets.older(sealed, environment_id, newest.id, left)).all()
                changes = []
                for row in rows:
                    fresh = seal(key, self._value(sealed, row).encode(), sealed.aad(newest.project_id, row._mapping))
                    moved = {"old": row.sealed, "fresh": fresh, "key_id": newest.id}
                    changes.append({**sealed.key_of(row._mapping), **moved})
                if changes:
                    conn.execute(sealed.moved(), changes)
                left -= len(rows)
                if left <= 0:
                    break
            return self._batch - left

    def _value(self, sealed: Sealed, row: sa.Row[Any]) -> str:
        try:
            return self._secrets.value(sealed, row)
        except Corrupt as error:
            raise Corrupt(
                f"version {row.version} of {row.name!r} ({sealed.purpose}) does not open; both data keys stay",
                code=error.code,
                hint="Destroy that secret, or restore its row from a backup of the metadata database. Rotate again.",
                details={"environment_id": row.environment_id, "resource_id": row.resource_id},
            ) from error

    def _destroy(self, environment_id: str, resealed: int, told: Told) -> DataKeyRotated:
        """The foreign keys refuse to destroy a key that some ciphertext still names."""
        with self._db.write() as conn:
            newest = current_data_key(conn, environment_id)
            if newest is None:
                return DataKeyRotated(0, resealed, 0)
            c = data_keys.c
            old = list(conn.scalars(sa.select(c.id).where(c.environment_id == environment_id, c.id != newest.id)))
            if old:
                conn.execute(data_keys.delete().where(c.id.in_(old)))
                told(conn, "finished", {"version": newest.version, "resealed": resealed, "destroyed": len(old)})
        for key_id in old:
            self._secrets.forget(key_id)
        return DataKeyRotated(int(newest.version), resealed, len(old))


def _named(key_id: str) -> str:
    """What a ciphertext under that key begins with."""
    return f"{ALGORITHM}${key_id}$"
