"""Restores that go wrong, and the script that needs no Holdfast."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from holdfast.contract.conformance import FaultySource, MemorySource
from holdfast.contract.conformance.helpers import capture, restore, scalar, verify, write
from holdfast.contract.snapshot import RestoreRequest
from holdfast.engines.sqlite.spec import ENTRY
from holdfast.engines.sqlite.trial import SqliteSubject
from holdfast.kernel.errors import Conflict, Corrupt, HoldfastError, Invalid


def data(subject: SqliteSubject, place) -> MemorySource:
    write(subject, place, ["CREATE TABLE t (x)", "INSERT INTO t VALUES (randomblob(200000)), (1)"])
    return capture(subject, place)


def names(place) -> set[str]:
    return {path.name for path in place.endpoint.path.parent.iterdir()} - {f"{ENTRY}-wal", f"{ENTRY}-shm"}


def test_a_failed_restore_leaves_no_file(subject: SqliteSubject) -> None:
    with subject.fresh("source") as place, subject.fresh("target") as target:
        source = data(subject, place)
        with pytest.raises(HoldfastError):
            restore(subject, target, FaultySource(source, 70_000))
        assert names(target) == {ENTRY}
        with pytest.raises(HoldfastError):
            restore(subject, target, FaultySource(source, 70_000), RestoreRequest(select=("t",), into="existing"))
        assert names(target) == {ENTRY}
        assert list(target.tools.scratch.iterdir()) == []


@pytest.mark.parametrize("damage", [lambda b: b"\xff" * 16 + b[16:], lambda b: b[:-4096], lambda b: b[:-1]])
def test_a_file_of_the_wrong_shape_is_refused_before_it_arrives(
    subject: SqliteSubject, damage: Callable[[bytes], bytes]
) -> None:
    with subject.fresh("source") as place, subject.fresh("target") as target:
        source = data(subject, place)
        with pytest.raises(Corrupt):
            restore(subject, target, MemorySource(source.manifest, {ENTRY: damage(source.files[ENTRY])}, {}))
        assert names(target) == {ENTRY}
        assert scalar(subject, target, "SELECT count(*) FROM sqlite_schema") == 0


class _Fetching(MemorySource):
    """Hands entries over in pieces, backwards, as the vault may."""

    missing = 0

    def fetch(self, path: str, write: Callable[[int, memoryview], None], parallel: int = 2) -> None:
        whole = memoryview(self.files[path])
        for at in reversed(range(self.missing, len(whole), 10_000)):
            write(at, whole[at : at + 10_000])


def test_pieces_in_any_order_make_the_same_file(subject: SqliteSubject) -> None:
    with subject.fresh("source") as place, subject.fresh("target") as target:
        source = data(subject, place)
        fetching = _Fetching(source.manifest, source.files, {})
        restore(subject, target, fetching)
        assert verify(subject, target, source).ok


def test_pieces_that_do_not_make_up_the_file_are_refused(subject: SqliteSubject) -> None:
    with subject.fresh("source") as place, subject.fresh("target") as target:
        source = data(subject, place)
        fetching = _Fetching(source.manifest, source.files, {})
        fetching.missing = 10_000
        with pytest.raises(Corrupt):
            restore(subject, target, fetching)
        assert names(target) == {ENTRY}


def test_what_a_killed_restore_left_is_cleared_away(subject: SqliteSubject) -> None:
    with subject.fresh("source") as place, subject.fresh("target") as target:
        source = data(subject, place)
        stale = Path(str(target.endpoint.path) + ".restoring")
        stale.write_bytes(b"half of something")
        restore(subject, target, source)
        assert not stale.exists()
        assert verify(subject, target, source).ok


def test_an_absent_target_is_made(subject: SqliteSubject, tmp_path: Path) -> None:
    with subject.fresh() as place:
        source = data(subject, place)
        target = replace(place, endpoint=replace(place.endpoint, path=tmp_path / "made.sqlite"))
        restore(subject, target, source)
        assert verify(subject, target, source).ok


def test_an_old_log_is_not_replayed_into_the_new_file(subject: SqliteSubject) -> None:
    """A target that was used and emptied has a log of its own; it must be gone before the new file arrives."""
    with subject.fresh("source") as place, subject.fresh("target") as target:
        source = data(subject, place)
        with closing(apsw.Connection(str(target.endpoint.path))) as other:
            other.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            other.execute("CREATE TABLE old (x); INSERT INTO old VALUES (zeroblob(100000)); DROP TABLE old")
        restore(subject, target, source)
        assert verify(subject, target, source).ok
        assert scalar(subject, target, "PRAGMA integrity_check") == "ok"


def test_another_engines_snapshot_is_refused(subject: SqliteSubject) -> None:
    with subject.fresh("source") as place, subject.fresh("target") as target:
        source = data(subject, place)
        source.manifest = replace(source.manifest, engine="other")
        with pytest.raises(Invalid) as caught:
            restore(subject, target, source)
        assert caught.value.code == "engine_mismatch"


def test_a_full_target_is_named(subject: SqliteSubject) -> None:
    with subject.fresh("source") as place, subject.fresh("target") as target:
        source = data(subject, place)
        write(subject, target, ["CREATE TABLE mine (x)"])
        with pytest.raises(Conflict) as caught:
            restore(subject, target, source)
        assert caught.value.code == "target_not_empty"
        assert caught.value.hint


def test_restore_sh(subject: SqliteSubject, tmp_path: Path) -> None:
    """The companion script puts the file in place once and never overwrites, also with an awkward path."""
    with subject.fresh("a`b $(touch x)") as place:
        source = data(subject, place)
    out = tmp_path / "out put"
    out.mkdir()
    (out / ENTRY).write_bytes(source.files[ENTRY])
    (out / "restore.sh").write_bytes(source.companions["restore.sh"])
    assert b"$(touch x)" not in source.companions["restore.sh"]
    target = tmp_path / "new 'place'.db"
    first = subprocess.run(
        ["/bin/sh", str(out / "restore.sh"), str(target)], check=False, capture_output=True, timeout=60
    )
    assert first.returncode == 0, first.stderr
    assert target.read_bytes() == source.files[ENTRY]
    again = subprocess.run(
        ["/bin/sh", str(out / "restore.sh"), str(target)], check=False, capture_output=True, timeout=60
    )
    assert again.returncode == 1
    assert b"exists already" in again.stderr
