"""Two processes write, a third gives places and is killed in the middle of it: no gap, no row twice, all verified."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import metadata_home
import pytest
import sqlalchemy as sa

from holdfast.features.audit.sequencer import Sequencer
from holdfast.kernel import audit
from holdfast.kernel.audit import audit_events
from holdfast.kernel.audit_chain import begin, head, place_some, read_head_file
from holdfast.kernel.audit_seal import SEAL, Seal, set_seal
from holdfast.kernel.audit_verify import verify
from holdfast.kernel.db import Database
from holdfast.kernel.wake import Wake

pytestmark = [pytest.mark.faults, pytest.mark.slow]
KEY = b"k" * 32
COMMON = """
import sys
from pathlib import Path
from holdfast.kernel import audit
from holdfast.kernel.audit_seal import Seal, set_seal
from holdfast.kernel.db import Database
home, what = Path(sys.argv[1]), sys.argv[2]
db, seal = Database(sys.argv[3]), Seal({1: b"k" * 32})
set_seal(db.engine, seal)
"""
WRITER = (
    COMMON
    + """
for number in range(150):
    with db.write() as conn:
        for each in range(1 + number % 3):
            audit.record(conn, actor=what, action="run.cancel", details={"number": number, "each": each})
"""
)
SEQUENCER = (
    COMMON
    + """
from holdfast.features.audit.sequencer import Sequencer
from holdfast.kernel.wake import Wake
sequencer = Sequencer(db, seal, Wake(home / "run"), home / "audit-head")
placed = 0
while placed < 1_000_000:
    placed += sequencer.catch_up()
"""
)


def start(code: str, db: Database, home: Path, what: str, **env: str) -> subprocess.Popen[bytes]:
    url = db.url.render_as_string(hide_password=False)
    return subprocess.Popen([sys.executable, "-c", code, str(home), what, url], env={**os.environ, **env})


def test_killed_in_the_middle_of_a_batch(tmp_path: Path) -> None:
    db, seal = Database(metadata_home.url(tmp_path / "meta.db")), Seal({1: KEY})
    db.create_all()
    with db.write() as conn:
        begin(conn.execution_options(**{SEAL: seal}), seal)
    set_seal(db.engine, seal)
    writers = [start(WRITER, db, tmp_path, f"usr_{number}") for number in (1, 2)]
    dying = start(SEQUENCER, db, tmp_path, "s", HOLDFAST_CRASH_AT="audit.placed")
    assert dying.wait(120) == -9  # placed in the transaction, nothing of it committed
    living = start(SEQUENCER, db, tmp_path, "s")
    assert [writer.wait(120) for writer in writers] == [0, 0]
    living.kill()
    living.wait()

    sequencer = Sequencer(db, seal, Wake(tmp_path / "run"), tmp_path / "audit-head")
    sequencer.catch_up()  # the dead owner's lease is not waited for
    with db.read() as conn:
        places = list(conn.execute(sa.select(audit_events.c.seq).order_by(audit_events.c.seq)).scalars())
        file = read_head_file(tmp_path / "audit-head")
        found = verify(conn, seal, heads=[("the file", file)])
        end = head(conn)
    assert places == list(range(1, 2 * 300 + 2))  # and the record of the beginning
    assert (found.ok, found.waiting, end) == (True, 0, file), found.findings
    assert sequencer.check() is None
    db.close()


def test_a_lease_that_is_held_is_left_alone(tmp_path: Path) -> None:
    db, seal = Database(metadata_home.url(tmp_path / "meta.db")), Seal({1: KEY})
    db.create_all()
    with db.write() as conn:
        begin(conn.execution_options(**{SEAL: seal}), seal)
    with db.write() as conn:
        assert place_some(conn, seal, "one").placed == 1
    with db.write() as conn:
        assert place_some(conn, seal, "two").ours is False
        assert place_some(conn, seal, "two", gone=lambda owner: owner == "one").ours is True
    db.close()


def test_an_older_copy_of_the_database_does_not_erase_its_trace(tmp_path: Path) -> None:
    """The head's file is put aside, not written over; health and verify go on saying so."""
    db, seal = Database(metadata_home.url(tmp_path / "meta.db")), Seal({1: KEY})
    db.create_all()
    with db.write() as conn:
        begin(conn.execution_options(**{SEAL: seal}), seal)
    set_seal(db.engine, seal)

    def more(count: int) -> None:
        for number in range(count):
            with db.write() as conn:
                audit.record(conn, actor="usr_1", action="run.cancel", details={"number": number})
        Sequencer(db, seal, Wake(tmp_path / "run"), tmp_path / "audit-head").catch_up()

    more(5)
    with db.read() as conn:
        early = head(conn)
    more(5)
    with db.write() as conn:
        conn.execute(audit_events.delete().where(audit_events.c.seq > early.seq))
        conn.execute(
            sa.text("UPDATE audit_head SET seq = :seq, chain = :chain, mac = :mac"),
            {"seq": early.seq, "chain": early.chain, "mac": early.mac},
        )
    more(10)
    (aside,) = tmp_path.glob("audit-head.lost-*")
    sequencer = Sequencer(db, seal, Wake(tmp_path / "run"), tmp_path / "audit-head")
    with pytest.raises(Exception, match="lacks rows"):
        sequencer.check()
    with db.read() as conn:
        found = verify(conn, seal, heads=[("aside", read_head_file(aside))])
    assert not found.ok
    db.close()
