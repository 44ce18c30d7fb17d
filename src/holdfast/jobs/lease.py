"""Who is alive among the runners. No wall clock takes part: a beat is a number that rises, watched on one's own
monotonic clock, so a clock set backwards or forwards neither ends nor prolongs a lease."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import sqlalchemy as sa

from holdfast.jobs import store
from holdfast.jobs.schema import runners, runs
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database

BEAT_SECONDS = 2.0
LEASE_SECONDS = 15.0


def machine_id() -> str:
    """Same text = a pid seen here means the same process there: host name, boot and pid namespace."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    return f"{socket.gethostname()[:64]}:{boot}:{os.stat('/proc/self/ns/pid').st_ino}"


def process_start(pid: int) -> str | None:
    """When a process started, in ticks since boot; None when there is none. A zombie has ended: None."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


class Lease:
    """Our own beat, and the eye on everyone else's."""

    def __init__(
        self, db: Database, clock: Clock, name: str, lease_seconds: float = LEASE_SECONDS, node: str | None = None
    ) -> None:
        self._db = db
        self._clock = clock
        self._seconds = lease_seconds
        self._machine = machine_id()
        self._seen: dict[str, tuple[int, float]] = {}
        self.name = name
        self._node = node
        self.runner_id = f"{name}.{os.getpid()}.{os.urandom(4).hex()}"

    def beat(self) -> None:
        """Say that we live; also the first time, and again after someone thought us dead."""
        with self._db.write() as conn:
            self.ensure(conn)

    def ensure(self, conn: sa.Connection) -> None:
        """A beat inside someone's transaction."""
        now = self._clock.now()
        risen = sa.update(runners).where(runners.c.id == self.runner_id)
        if conn.execute(risen.values(beat=runners.c.beat + 1, beat_at=now)).rowcount == 0:
            conn.execute(
                sa.insert(runners).values(
                    id=self.runner_id,
                    name=self.name,
                    node=self._node,
                    machine=self._machine,
                    pid=os.getpid(),
                    pid_started=process_start(os.getpid()) or "",
                    beat=1,
                    beat_at=now,
                )
            )

    def bury(self) -> list[str]:
        """Put every run of dead runners back in the queue; the runs' ids."""
        with self._db.read() as conn:
            others = conn.execute(sa.select(runners).where(runners.c.id != self.runner_id)).all()
            orphans = conn.execute(
                sa.select(runs.c.claimed_by)
                .where(runs.c.state == "running", runs.c.claimed_by.not_in(sa.select(runners.c.id)))
                .distinct()
            ).scalars()
            dead = [name for name in orphans if name != self.runner_id]
        buried = {row.id: row.beat for row in others if self._is_dead(row)}
        if not dead and not buried:
            return []
        freed: list[str] = []
        with self._db.write() as conn:
            for runner, beat in buried.items():
                # The beat is compared again: a runner that moved since we looked is alive.
                gone = sa.delete(runners).where(runners.c.id == runner, runners.c.beat == beat)
                if conn.execute(gone).rowcount:
                    dead.append(runner)
            for runner in dead:
                freed += store.release_all_of(conn, runner)
        return freed

    def _is_dead(self, row: sa.Row[tuple[object, ...]]) -> bool:
        if row.machine == self._machine and process_start(row.pid) != row.pid_started:
            return True
        moment = self._clock.monotonic()
        beat, since = self._seen.get(row.id, (None, moment))
        if beat != row.beat:
            self._seen[row.id] = (row.beat, moment)
            return False
        return moment - since > self._seconds

    def leave(self) -> None:
        """Our runs are finished or back in the queue."""
        with self._db.write() as conn:
            conn.execute(sa.delete(runners).where(runners.c.id == self.runner_id))
