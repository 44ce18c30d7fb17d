"""What a capture of a file may leave out. Whatever anybody does to it in between, what comes out is the file."""

from __future__ import annotations

import os
import shutil
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from holdfast.contract.conformance.memory_source import read_entry
from holdfast.contract.incremental import Reuse
from holdfast.contract.snapshot import CaptureRequest, Entry, Manifest, Pages
from holdfast.contract.spec import Endpoint
from holdfast.engines.sqlite import unchanged
from holdfast.engines.sqlite.capture import SqliteCapture
from holdfast.engines.sqlite.direct import file_cells
from holdfast.engines.sqlite.spec import ENTRY
from holdfast.kernel.stop import Stop

ROWS = "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {}) "
CELL = 1 << 16


@dataclass
class Kept:
    """The last snapshot, as a vault would keep it."""

    data: bytes = b""
    manifest: Manifest | None = None
    reuse: Reuse = field(default_factory=Reuse)


def take(path: Path, last: Kept, sample: int = 1, *, full: bool = False) -> Kept:
    """The next snapshot on top of `last`; it must equal a whole copy made of the same moment."""
    want = CaptureRequest(sample=sample, full=full)
    with SqliteCapture(Endpoint(path=path, database="x"), last.manifest, want, Stop()) as capture:
        (entry,) = capture.entries()
        data = over(entry, last.data)
        capture._needed = None  # the same moment, read as a whole
        whole = read_entry(entry)
        capture._needed, capture._why = capture._believed()
        over(entry, last.data)
        manifest = capture.finish()
        assert data == whole, [
            n for n in range(len(data) // CELL + 1) if data[n * CELL :][:CELL] != whole[n * CELL :][:CELL]
        ]
        return Kept(data, manifest, capture.reuse())


def over(entry: Entry, parent: bytes) -> bytes:
    """The entry's cells laid over the parent's, as the vault does it: an absent cell is as long as the parent's."""
    assert entry.open is not None
    assert entry.size is not None
    out, seen = bytearray(entry.size), set()
    pages = entry.open()
    assert isinstance(pages, Pages)
    for index, cell in pages.cells():
        out[index * entry.page : index * entry.page + len(cell)] = cell
        seen.add(index)
    pages.close()
    for index in set(range(-(-entry.size // entry.page))) - seen:
        place = slice(index * entry.page, (index + 1) * entry.page)
        assert len(parent[place]) == len(out[place]), "another length needs to be read"
        out[place] = parent[place]
    return bytes(out)


@pytest.fixture(autouse=True)
def _soon_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unchanged, "SETTLED_NS", 30_000_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Some forty cells, nothing in the -wal."""
    made = tmp_path / "a'b ü.sqlite"
    with closing(apsw.Connection(str(made))) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)")
        connection.execute(f"INSERT INTO t {ROWS.format(2500)} SELECT n, randomblob(1000) FROM s")
    return made


def test_an_unchanged_file_is_not_read(path: Path) -> None:
    first = take(path, Kept())
    assert (first.reuse.kind, first.reuse.skipped, first.reuse.read) == ("full", 0, len(first.data))
    second = take(path, first, sample=1)
    assert second.reuse.kind == "incremental"
    assert second.reuse.read < len(second.data) / 10
    assert second.reuse.read + second.reuse.skipped == len(second.data)
    assert first.manifest is not None
    assert second.manifest is not None
    assert second.manifest.tables == first.manifest.tables
    assert second.manifest.catalog == first.manifest.catalog


def test_every_cell_is_read_again_within_sixteen(path: Path) -> None:
    last, proven = take(path, Kept()), set[int]()
    cells = set(range(1, -(-len(last.data) // CELL)))  # the first is read every time
    for sample in range(16):
        last = take(path, last, sample)
        proven |= set(last.reuse.proofs[ENTRY] or ())
    assert proven == cells


def test_pages_in_the_log_are_read_and_no_more(path: Path) -> None:
    first = take(path, Kept())
    with closing(apsw.Connection(str(path))) as writer:
        writer.execute("UPDATE t SET body = randomblob(1000) WHERE id = 1200")
        second = take(path, first)
        assert second.reuse.kind == "incremental", second.reuse.why
        assert 0 < second.reuse.read - len(second.reuse.proofs[ENTRY] or ()) * CELL <= 3 * CELL
        writer.execute("UPDATE t SET body = randomblob(900) WHERE id = 2400")
        third = take(path, second)
        assert third.reuse.kind == "incremental"
    fourth = take(path, third)  # the last one out has checkpointed
    assert (fourth.reuse.kind, "checkpoint" in fourth.reuse.why) == ("full", True)
    assert take(path, fourth).reuse.kind == "incremental"


def test_what_was_in_the_parents_log_is_read_again(path: Path) -> None:
    with closing(apsw.Connection(str(path))) as writer:
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute("UPDATE t SET body = randomblob(1000) WHERE id BETWEEN 100 AND 110")
        first = take(path, Kept())
        second = take(path, first)
        assert second.reuse.kind == "incremental"
        assert second.reuse.read > 0


@pytest.mark.parametrize("act", ["overwritten", "replaced", "same_change_counter", "vacuumed", "rollback", "truncated"])
def test_what_else_may_happen_to_a_file(path: Path, tmp_path: Path, act: str) -> None:
    first = take(path, Kept())
    other = tmp_path / "other.sqlite"
    shutil.copy(path, other)
    with closing(apsw.Connection(str(other))) as connection:
        connection.execute("UPDATE t SET body = randomblob(1000) WHERE id % 9 = 0")
    if act == "overwritten":
        path.write_bytes(other.read_bytes())
    elif act == "same_change_counter":
        image = bytearray(other.read_bytes())
        image[24:28] = image[92:96] = first.data[24:28]
        held = path.stat()
        path.write_bytes(bytes(image))
        os.utime(path, ns=(held.st_atime_ns, held.st_mtime_ns))
    elif act == "replaced":
        other.replace(path)
    else:
        with closing(apsw.Connection(str(path))) as connection:
            statement = {
                "vacuumed": "DELETE FROM t WHERE id % 2; VACUUM",
                "rollback": "PRAGMA journal_mode = DELETE; UPDATE t SET body = x'00' WHERE id = 3",
                "truncated": "DELETE FROM t WHERE id > 300; VACUUM",
            }[act]
            connection.execute(statement)
    second = take(path, first)
    assert (second.reuse.kind, bool(second.reuse.why)) == ("full", True)
    take(path, second)


def test_full_reads_everything_on_the_same_grid(path: Path) -> None:
    first = take(path, Kept())
    again = take(path, first, full=True)
    assert (again.reuse.kind, again.reuse.skipped) == ("full", 0)


def test_somebody_elses_file_is_always_read(path: Path) -> None:
    first = take(path, Kept())
    at = Endpoint(path=path, database="x", hosted=False)
    with SqliteCapture(at, first.manifest, CaptureRequest(), Stop()) as capture:
        assert "file" not in capture.position
        (entry,) = capture.entries()
        assert over(entry, b"") == first.data
        capture.finish()
        assert (capture.reuse().kind, capture.reuse().skipped) == ("full", 0)


def test_a_position_of_a_file_changed_just_now_is_not_believed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unchanged, "SETTLED_NS", 3_600_000_000_000)
    monkeypatch.setattr(unchanged.time, "sleep", lambda _: None)
    first = take(path, Kept())
    assert first.manifest is not None
    assert "file" not in first.manifest.position
    assert take(path, first).reuse.kind == "full"


def test_single_cells_are_those_on_disk(path: Path) -> None:
    whole, cell = path.read_bytes(), 65_536
    last = (len(whole) - 1) // cell
    db = apsw.Connection(str(path))
    for wanted in ([0], [1, last], [], None):
        found = {index: bytes(data) for index, data in file_cells(db, path, len(whole), cell, wanted)}
        assert found == {n: whole[n * cell : (n + 1) * cell] for n in (range(last + 1) if wanted is None else wanted)}
    db.close()


class Files(RuleBasedStateMachine):
    root: Path

    def __init__(self) -> None:
        super().__init__()
        self.path = self.root / "db.sqlite"
        for left in self.root.iterdir():
            left.unlink()
        self.kept, self.number, self.copies = Kept(), 0, 0
        self.held: list[apsw.Connection] = []
        self.statement("PRAGMA journal_mode = WAL")
        self.statement("CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)")
        self.statement("CREATE INDEX i ON t (body)")
        self.statement(f"INSERT INTO t {ROWS.format(900)} SELECT n, randomblob(700) FROM s")
        self.take()

    def connection(self) -> apsw.Connection:
        made = apsw.Connection(str(self.path))
        made.set_busy_timeout(20)
        return made

    def statement(self, text: str) -> None:
        with closing(self.connection()) as connection, suppress(apsw.BusyError, apsw.SQLError):
            connection.execute(text)

    @rule(number=st.integers(0, 40), keep=st.booleans())
    def write(self, number: int, keep: bool) -> None:
        """By a connection that stays open (frames stay in the log) or is the last one out."""
        connection = self.connection()
        with suppress(apsw.BusyError):
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            connection.execute("UPDATE t SET body = randomblob(700) WHERE id % 41 = ?", (number,))
            connection.execute("INSERT INTO t (body) SELECT randomblob(3000) FROM t LIMIT ?", (number,))
        if keep and len(self.held) < 3:
            self.held.append(connection)
        else:
            connection.close()

    @rule(mode=st.sampled_from([apsw.SQLITE_CHECKPOINT_PASSIVE, apsw.SQLITE_CHECKPOINT_TRUNCATE]))
    def checkpoint(self, mode: int) -> None:
        with closing(self.connection()) as connection, suppress(apsw.BusyError):
            connection.wal_checkpoint(mode=mode)

    @rule(keep=st.integers(1, 900))
    def shrink(self, keep: int) -> None:
        self.statement(f"DELETE FROM t WHERE id > {keep}")
        self.statement("VACUUM")

    @rule(mode=st.sampled_from(["DELETE", "TRUNCATE", "WAL"]))
    def journal(self, mode: str) -> None:
        self.statement(f"PRAGMA journal_mode = {mode}")

    @rule(size=st.sampled_from([1024, 4096]))
    def page_size(self, size: int) -> None:
        for text in ("PRAGMA journal_mode = DELETE", f"PRAGMA page_size = {size}; VACUUM", "PRAGMA journal_mode = WAL"):
            self.statement(text)

    @rule(inode=st.booleans(), counter=st.booleans())
    def replace_file(self, inode: bool, counter: bool) -> None:
        """By a copy with other rows, perhaps with the same change counter, over the file or in its place."""
        self.close()
        self.statement("PRAGMA wal_checkpoint(TRUNCATE)")
        self.take()
        other = self.root / "other.sqlite"
        shutil.copy(self.path, other)
        with closing(apsw.Connection(str(other))) as connection:
            if inode:
                connection.execute("UPDATE t SET body = randomblob(700) WHERE id % 7 = 1")
            connection.execute(f"PRAGMA user_version = {self.number}")  # the file stays as long as it was
        image = bytearray(other.read_bytes())
        if counter:
            image[24:28] = image[92:96] = self.path.read_bytes()[24:28]
        if inode:
            other.write_bytes(bytes(image))
            other.replace(self.path)
        else:
            self.path.write_bytes(bytes(image))
            other.unlink()
        self.drop_log()
        self.take()

    @rule(number=st.integers(0, 40))
    def lose_the_log(self, number: int) -> None:
        """Frames that a snapshot has seen are deleted by a stranger, and the file itself is not touched."""
        self.close()
        connection = self.connection()
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("UPDATE t SET body = randomblob(600) WHERE id % 41 = ?", (number,))
        self.take()
        connection.close()
        self.drop_log()
        self.take()

    def drop_log(self) -> None:
        for suffix in ("-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)

    @rule()
    def restore_in_place(self) -> None:
        """What the last snapshot holds comes back, as a restore does it."""
        self.close()
        self.drop_log()
        fresh = self.root / "fresh.sqlite"
        fresh.write_bytes(self.kept.data)
        fresh.replace(self.path)

    @rule()
    def close(self) -> None:
        for connection in self.held:
            connection.close()
        self.held = []

    @rule(full=st.integers(0, 9))
    def take(self, full: int = 1) -> None:
        self.number += 1
        self.kept = take(self.path, self.kept, self.number, full=full == 0)

    def teardown(self) -> None:
        self.take()
        self.close()
        self.take()
        self.take()


@pytest.mark.slow
def test_every_snapshot_is_the_file_at_its_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unchanged, "SETTLED_NS", 12_000_000)
    root = tmp_path / "machine"
    root.mkdir()
    Files.root = root
    run_state_machine_as_test(
        Files,
        settings=settings(
            max_examples=int(os.environ.get("HOLDFAST_MACHINE_EXAMPLES", "12")),
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
