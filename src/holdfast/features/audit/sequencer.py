"""The one who gives audit rows their places: woken after commits, a batch per transaction, in every api process one."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa

from holdfast.jobs.lease import machine_id, process_start
from holdfast.kernel import log
from holdfast.kernel.audit_chain import LOST, Turn, anything_waiting, head, place_some, publish_head
from holdfast.kernel.audit_seal import Seal
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Corrupt, HoldfastError, NeedsOperator
from holdfast.kernel.stop import Stop
from holdfast.kernel.wake import Wake

WRITTEN, PLACED = "audit:written", "audit:placed"
GATHER_SECONDS = 0.05
IDLE_SECONDS = 15.0
_HINT = "Run `holdfast audit verify`: it names the rows."
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
        self._published = False
        self.strange: set[str] = set()
        self.aside: set[str] = {path.name for path in head_file.parent.glob(f"{head_file.name}{LOST}*")}
        self.stuck: str | None = None

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
            self.stuck = None
        except (HoldfastError, sa.exc.SQLAlchemyError, OSError) as error:
            self.stuck = error.message if isinstance(error, HoldfastError) else type(error).__name__
            _log.exception("audit rows could not be given their places; trying again")

    def check(self) -> str | None:
        """For health. Raises NeedsOperator when the log was meddled with, or gets no further."""
        if self.stuck:
            raise NeedsOperator(self.stuck, hint=_HINT)
        if self.strange:
            raise NeedsOperator(f"{len(self.strange)} audit rows were not written by Holdfast", hint=_HINT)
        if self.aside:
            raise NeedsOperator("the audit log lacks rows that it had", hint=_HINT)
        return None

    def catch_up(self) -> int:
        """Places given until none was waiting, or another process is at it."""
        placed, after = 0, ""
        with self._db.read() as conn:
            if not anything_waiting(conn):
                self._publish()
                return 0
        while True:
            turn = self._turn(after)
            if not turn.ours:
                break
            placed += turn.placed
            self._report(turn)
            if turn.after is None:
                break
            after = turn.after
        if placed:
            self._published = False
            self._publish()
            self._wake.notify(PLACED)
        return placed

    def settle(self) -> None:
        """Like `catch_up`, for whoever reads the log to judge it: a head that is not ours is for them to find."""
        with suppress(Corrupt):
            self.catch_up()

    def _turn(self, after: str) -> Turn:
        with self._db.write() as conn:
            return place_some(conn, self._seal, self._owner, gone=gone, after=after)

    def _report(self, turn: Turn) -> None:
        new = set(turn.strange) - self.strange
        self.strange |= new
        for row_id in sorted(new):
            _log.error("an audit row was not written by Holdfast; it gets no place in the log", id=row_id)

    def _publish(self) -> None:
        """Also once at the start: whoever was killed may have placed rows and not said so outside the database."""
        if self._published:
            return
        with self._db.read() as conn:
            end = head(conn)
            aside = publish_head(conn, self._head_file, end) if end else None
        self._published = True
        if aside is not None:
            self.aside.add(aside.name)
            _log.error(
                "the audit log lacks rows that it had: the file that remembers them was put aside", file=str(aside)
            )


def gone(owner: str) -> bool:
    """Whether an owner's process has ended, as far as this machine can see."""
    machine, _, rest = owner.rpartition("|")[0].rpartition("|")
    pid, started = rest, owner.rpartition("|")[2]
    return machine == machine_id() and pid.isdigit() and process_start(int(pid)) != started
