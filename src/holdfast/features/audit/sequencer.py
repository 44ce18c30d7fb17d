"""The one who gives audit rows their places: woken after commits, a batch per transaction, in every api process one."""

from __future__ import annotations

import os
from pathlib import Path

import sqlalchemy as sa

from holdfast.jobs.lease import machine_id, process_start
from holdfast.kernel import log
from holdfast.kernel.audit_chain import Head, Turn, anything_waiting, place_some, write_head_file
from holdfast.kernel.audit_seal import Seal
from holdfast.kernel.db import Database
from holdfast.kernel.errors import HoldfastError
from holdfast.kernel.stop import Stop
from holdfast.kernel.wake import Wake

WRITTEN, PLACED = "audit:written", "audit:placed"
GATHER_SECONDS = 0.05
IDLE_SECONDS = 15.0
_log = log.get("holdfast.audit")


class Sequencer:
    """`run` until stopped. Several processes may each have one: a lease in the database lets one of them work.

    `strange` are rows somebody else put into the table: they never get a place, and health says so.
    """

    def __init__(self, db: Database, seal: Seal, wake: Wake, head_file: Path) -> None:
        self._db = db
        self._seal = seal
        self._wake = wake
        self._head_file = head_file
        self._owner = f"{machine_id()}|{os.getpid()}|{process_start(os.getpid())}"
        self.strange: set[str] = set()

    def run(self, stop: Stop) -> None:
        stop.on_stop(lambda: self._wake.notify(WRITTEN))
        with self._wake.listen("audit") as listener:
            heard = {WRITTEN}
            while not stop.stopped:
                if not heard or WRITTEN in heard:
                    stop.wait(GATHER_SECONDS)  # what is committed meanwhile shares one transaction and one sync
                    listener.drain()
                    self._guarded()
                heard = listener.wait(IDLE_SECONDS)
        self._guarded()

    def _guarded(self) -> None:
        """A busy or full database must not end the sequencer: rows wait, nothing is lost."""
        try:
            self.catch_up()
        except (HoldfastError, sa.exc.SQLAlchemyError, OSError):
            _log.exception("audit rows could not be given their places; trying again")

    def catch_up(self) -> int:
        """Places given until none was waiting, or another process is at it."""
        placed, end, after = 0, None, ""
        with self._db.read() as conn:
            if not anything_waiting(conn):
                return 0
        while True:
            turn = self._turn(after)
            if not turn.ours:
                break
            placed, end = placed + turn.placed, turn.head or end
            self._report(turn)
            if turn.after is None:
                break
            after = turn.after
        if placed:
            self._publish(end)
        return placed

    def _turn(self, after: str) -> Turn:
        with self._db.write() as conn:
            return place_some(conn, self._seal, self._owner, gone=gone, after=after)

    def _report(self, turn: Turn) -> None:
        new = set(turn.strange) - self.strange
        self.strange |= new
        for row_id in sorted(new):
            _log.error("an audit row was not written by Holdfast; it gets no place in the log", id=row_id)

    def _publish(self, end: Head | None) -> None:
        if end is not None:
            write_head_file(self._head_file, end)
        self._wake.notify(PLACED)


def gone(owner: str) -> bool:
    """Whether an owner's process has ended, as far as this machine can see."""
    machine, _, rest = owner.rpartition("|")[0].rpartition("|")
    pid, started = rest, owner.rpartition("|")[2]
    return machine == machine_id() and pid.isdigit() and process_start(int(pid)) != started
