"""The nodes of one metadata database: who has which name, and who is alive.

One clock judges: on PostgreSQL the server's own, which every node's beats are written by, so nodes whose clocks differ
see the same ages. With the metadata in a file there is one node, the one that reads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

import holdfast
from holdfast.jobs.lease import LEASE_SECONDS, machine_id
from holdfast.jobs.schema import nodes
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.db.types import embedded
from holdfast.kernel.errors import Conflict, NeedsOperator
from holdfast.kernel.node import NodeIdentity
from holdfast.kernel.stop import Stop

BEAT_SECONDS = 2.0
_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class NodeRow:
    """`age` in seconds since its last beat; `alive` as long as that is within the lease."""

    name: str
    version: str
    addresses: Sequence[str]
    machine: str
    joined_at: datetime
    beat_at: datetime
    age: float

    @property
    def alive(self) -> bool:
        return self.age <= LEASE_SECONDS


class Node:
    """This process as part of its node. `join` first, then `beat` every two seconds; both for api and runner alike."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        identity: NodeIdentity,
        *,
        addresses: Sequence[str] = (),
        adopt: Callable[[sa.Connection, str], None] = lambda _conn, _name: None,
    ) -> None:
        self.name = identity.name
        self._db = db
        self._clock = clock
        self._identity = identity
        self._addresses = list(addresses)
        self._adopt = adopt
        self._machine = machine_id()

    def join(self, patience: float = LEASE_SECONDS + 2 * BEAT_SECONDS) -> None:
        """Take the name. The first node there ever was adopts what was recorded before there were nodes.

        Raises NeedsOperator: "node_name_taken" when another data directory has it, "node_running" when this directory
        is in use on another machine, which is watched for `patience` seconds: a dead one's beat gets too old.
        """
        until = time.monotonic() + patience
        while True:
            with self._db.write() as conn:
                found = conn.execute(sa.select(nodes).where(self._mine()).with_for_update()).first()
                if found is None:
                    self._enter(conn)
                    return
                self._require_own(found)
                if self._db.embedded or found.machine == self._machine or self._age(conn, found) > LEASE_SECONDS:
                    conn.execute(sa.update(nodes).where(nodes.c.name == self.name).values(**self._facts(conn)))
                    return
            if time.monotonic() > until:
                raise NeedsOperator(
                    f"the node {self.name!r} runs already, on {found.machine.partition(':')[0]}",
                    code="node_running",
                    hint="One Holdfast at a time works on a data directory. Stop the other one first.",
                )
            time.sleep(_LOOK_SECONDS)

    def beat(self, conn: sa.Connection) -> None:
        """Say that we live. Raises Conflict("node_lost"): the name was taken over or removed meanwhile."""
        mine = sa.and_(nodes.c.name == self.name, nodes.c.data_id == self._identity.data_id)
        risen = sa.update(nodes).where(mine, nodes.c.machine == self._machine).values(beat_at=self._now(conn))
        if conn.execute(risen).rowcount == 0:
            raise Conflict(f"the node {self.name!r} is somebody else's now, or was removed", code="node_lost")

    def beat_forever(self, stop: Stop, lost: Callable[[Conflict], None]) -> None:
        """For a process without a beat of its own; `lost` is called once, and the beats end."""
        while not stop.stopped:
            try:
                with self._db.write() as conn:
                    self.beat(conn)
            except Conflict as error:
                lost(error)
                return
            except Exception:  # noqa: BLE001 - PostgreSQL is away; the next beat tries again, the age tells the rest
                stop.wait(BEAT_SECONDS)
            stop.wait(BEAT_SECONDS)

    def _mine(self) -> sa.ColumnElement[bool]:
        return sa.or_(nodes.c.name == self.name, nodes.c.data_id == self._identity.data_id)

    def _require_own(self, found: sa.Row[Any]) -> None:
        if found.name == self.name and found.data_id == self._identity.data_id:
            return
        raise NeedsOperator(
            f"there is a node {found.name!r} with another data directory on this metadata database",
            code="node_name_taken",
            hint=f"Name this one otherwise with HOLDFAST_NODE, or `holdfast node remove {found.name}` when it is gone.",
        )

    def _enter(self, conn: sa.Connection) -> None:
        first = conn.execute(sa.select(nodes.c.name).limit(1)).first() is None
        facts = {**self._facts(conn), "name": self.name, "data_id": self._identity.data_id}
        facts["joined_at"] = facts["beat_at"]
        try:
            with conn.begin_nested():
                conn.execute(sa.insert(nodes).values(**facts))
        except sa.exc.IntegrityError:
            self._require_own(conn.execute(sa.select(nodes).where(self._mine())).one())  # api and runner at once
            return
        if first:
            self._adopt(conn, self.name)

    def _facts(self, conn: sa.Connection) -> dict[str, Any]:
        return {
            "machine": self._machine,
            "version": holdfast.__version__,
            "beat_at": self._now(conn),
            **({"addresses": self._addresses} if self._addresses else {}),
        }

    def _age(self, conn: sa.Connection, row: sa.Row[Any]) -> float:
        since: datetime = row.beat_at
        return (moment(conn, self._clock) - since).total_seconds()

    def _now(self, conn: sa.Connection) -> datetime:
        return moment(conn, self._clock)


def moment(conn: sa.Connection, clock: Clock) -> datetime:
    """Now, by the one clock that judges beats."""
    if embedded(conn):
        return clock.now()
    found: datetime = conn.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return found


def known(conn: sa.Connection, clock: Clock, *, after: str | None = None, limit: int = 1000) -> list[NodeRow]:
    """By name, those after `after`."""
    query = sa.select(nodes).order_by(nodes.c.name).limit(limit)
    if after is not None:
        query = query.where(nodes.c.name > after)
    now = moment(conn, clock)
    return [_row(row, now) for row in conn.execute(query).mappings()]


def one(conn: sa.Connection, clock: Clock, name: str) -> NodeRow | None:
    row = conn.execute(sa.select(nodes).where(nodes.c.name == name)).mappings().first()
    return None if row is None else _row(row, moment(conn, clock))


def forget(conn: sa.Connection, clock: Clock, name: str) -> bool:
    """Remove the row of a node whose beat is too old; False when it lives, or is not there."""
    old = moment(conn, clock) - timedelta(seconds=LEASE_SECONDS)
    return conn.execute(sa.delete(nodes).where(nodes.c.name == name, nodes.c.beat_at < old)).rowcount == 1


def _row(row: Mapping[Any, Any], now: datetime) -> NodeRow:
    return NodeRow(
        name=row["name"],
        version=row["version"],
        addresses=tuple(row["addresses"] or ()),
        machine=str(row["machine"]).partition(":")[0],
        joined_at=row["joined_at"],
        beat_at=row["beat_at"],
        age=max(0.0, (now - row["beat_at"]).total_seconds()),
    )
