"""One namespace in one file: what is put is there, in order, until its second."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.runtime.bindings.kv_file import Delete, KvFile, checked_put
from holdfast.runtime.bindings.kv_rules import KvError


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path, clock: Clock):
    with KvFile.open(tmp_path / "n.db", create=True, clock=clock) as opened:
        yield opened


def test_text_stays_text_and_bytes_stay_bytes(file: KvFile) -> None:
    file.put("text", "grüße\0ende")
    file.put("bytes", b"\xff\x00")
    file.put("empty", "")
    assert file.get("text").value == "grüße\0ende"
    assert file.get("bytes").value == b"\xff\x00"
    assert file.get("empty").value == ""
    assert file.get("absent") is None


def test_an_expired_value_is_gone_for_all_and_a_sweep_takes_it_from_the_file(file: KvFile, clock: Clock) -> None:
    file.put("brief", "x", expiration_ttl=60)
    file.put("long", "y", expiration=int(clock.now) + 600)
    assert file.sweep() == 0
    assert file.get("brief").expiration == int(clock.now) + 60
    clock.now += 60
    assert file.get("brief") is None
    assert file.size("brief") is None
    assert [key.name for key in file.list().keys] == ["long"]
    assert file.count() == (1, 1)
    assert file.sweep() == 1
    assert apsw.Connection(str(file.path)).execute("SELECT key FROM kv").fetchall() == [("long",)]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("", "v"), 400, "empty"),
        ((".", "v"), 400, "not allowed"),
        (("ü" * 257, "v"), 414, "length of 514 exceeds key length limit of 512"),
        (("\ud800", "v"), 400, "half a character"),
        ((7, "v"), 400, "int"),
        (("k", ["v"]), 400, "list"),
        (("k", b"x" * (25 * 1024 * 1024 + 1)), 413, "26214401 exceeds limit of 26214400"),
    ],
)
def test_what_may_not_be_put_is_refused_in_words(arguments, status: int, words: str) -> None:
    with pytest.raises(KvError, match=words) as caught:
        checked_put(*arguments)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"expiration_ttl": 59}, "Invalid expiration_ttl of 59. Expiration TTL must be at least 60"),
        ({"expiration_ttl": "60"}, "Invalid expiration_ttl"),
        ({"expiration_ttl": True}, "Invalid expiration_ttl"),
        ({"expiration": 1_800_000_059}, "60 seconds in the future"),
        ({"expiration": float("nan")}, "Invalid expiration"),
        ({"metadata": {"a": "x" * 1024}}, "exceeds limit of 1024"),
        ({"metadata": float("nan")}, "serializable"),
        ({"metadata": {1, 2}}, "serializable"),
    ],
)
def test_options_out_of_bounds_are_refused(options, words: str) -> None:
    with pytest.raises(KvError, match=words):
        checked_put("k", "v", now=1_800_000_000.0, **options)


def test_the_largest_of_everything_is_taken(file: KvFile) -> None:
    key, value, metadata = "k" * 512, b"v" * (25 * 1024 * 1024), "m" * 1022
    file.put(key, value, metadata=metadata)
    assert file.get(key).value == value
    assert file.get(key).metadata == f'"{metadata}"'
    assert file.list().keys[0].size == len(value)


def test_pages_follow_each_other_and_foreign_cursors_are_refused(file: KvFile) -> None:
    file.apply([checked_put(f"p:{n:03}", "v") for n in range(25)] + [checked_put("q", "v")])
    seen, cursor = [], None
    while True:
        page = file.list("p:", 10, cursor)
        seen += [key.name for key in page.keys]
        if (cursor := page.cursor) is None:
            break
        assert not page.list_complete
    assert seen == [f"p:{n:03}" for n in range(25)]
    assert file.list("p:", 25).list_complete
    with pytest.raises(KvError, match="Invalid cursor"):
        file.list(cursor="%%%")
    with pytest.raises(KvError, match="key_count_limit"):
        file.list(limit=1001)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=6), max_size=25), st.text(max_size=3), st.integers(1, 5))
def test_lists_hold_what_begins_with_the_prefix_in_the_order_of_bytes(tmp_path_factory, keys, prefix, limit) -> None:
    with KvFile.open(tmp_path_factory.mktemp("n") / "n.db", create=True) as file:
        kept = [key for key in keys if key not in (".", "..")]
        file.apply([checked_put(key, "v") for key in kept])
        wanted = sorted({key for key in kept if key.startswith(prefix)}, key=str.encode)
        found, cursor = [], None
        while True:
            page = file.list(prefix, limit, cursor)
            found += [key.name for key in page.keys]
            if (cursor := page.cursor) is None:
                break
    assert found == wanted


def test_many_are_read_as_of_one_moment_and_at_most_a_hundred(file: KvFile) -> None:
    file.put("a", "1")
    assert {key: entry and entry.value for key, entry in file.get_many(["a", "b"]).items()} == {"a": "1", "b": None}
    with pytest.raises(KvError, match="maximum of 100 keys"):
        file.get_many([str(n) for n in range(101)])


def test_a_failing_transaction_leaves_nothing_behind(file: KvFile) -> None:
    file.put("a", "1")

    def writes():
        yield Delete("a")
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        file.apply(writes())
    assert file.get("a").value == "1"
    file.put("b", "2")


def test_two_processes_see_each_others_writes(file: KvFile) -> None:
    before = file.changed()
    other = (
        "import sys; from pathlib import Path; from holdfast.runtime.bindings.kv_file import KvFile\n"
        "with KvFile.open(Path(sys.argv[1])) as f: assert f.get('a') is None; f.put('a', 'theirs')"
    )
    subprocess.run(
        [sys.executable, "-c", other, str(file.path)], check=True, env={**os.environ, "PYTHONPATH": ":".join(sys.path)}
    )
    assert file.changed() != before
    assert file.get("a").value == "theirs"


def test_writers_in_threads_take_turns(tmp_path: Path) -> None:
    path = tmp_path / "n.db"
    KvFile.open(path, create=True).close()

    def write(number: int) -> None:
        with KvFile.open(path) as mine:
            for step in range(5):
                mine.put(f"{number}:{step}", "v")

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with KvFile.open(path, write=False) as reader:
        assert reader.count() == (20, 20)
        with pytest.raises(apsw.ReadOnlyError):
            reader.put("x", "y")


def test_a_file_of_another_kind_is_refused_and_left_alone(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        KvFile.open(tmp_path / "absent.db")
    foreign = tmp_path / "foreign.db"
    with apsw.Connection(str(foreign)) as connection:
        connection.execute("CREATE TABLE t (a)")
    before = foreign.read_bytes()
    with pytest.raises(KvError, match="not a key-value namespace"):
        KvFile.open(foreign, create=True)
    assert foreign.read_bytes() == before
    rubbish = tmp_path / "rubbish.db"
    rubbish.write_bytes(b"no database at all" * 100)
    with pytest.raises(KvError, match="not a key-value namespace"):
        KvFile.open(rubbish)
    link = tmp_path / "link.db"
    link.symlink_to(foreign)
    with pytest.raises((FileNotFoundError, apsw.Error)):
        KvFile.open(link)


def test_a_put_is_synced_before_it_returns_and_reads_hold_no_transaction(file: KvFile) -> None:
    assert file._connection.execute("PRAGMA synchronous").fetchall() == [(2,)]  # FULL: the WAL at every commit
    assert file._connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
    with KvFile.open(file.path, write=False) as reader:
        file.put("a", "1")
        for look in (reader.get, reader.size, lambda key: reader.small(key, 10)):
            assert look("a") is not None
            wal = file._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            assert wal == [(0, 0, 0)]


def test_the_stock_shell_reads_the_file(file: KvFile) -> None:
    file.put("a", "words", metadata={"n": 1})
    script = "import sqlite3,sys; print(sqlite3.connect(sys.argv[1]).execute('select * from kv').fetchall())"
    shown = subprocess.run([sys.executable, "-c", script, str(file.path)], check=True, capture_output=True, text=True)
    assert shown.stdout.strip() == "[('a', None, '{\"n\":1}', 5, 'words')]"
