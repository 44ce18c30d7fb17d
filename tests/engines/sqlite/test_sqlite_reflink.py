"""A clone shares its source's blocks where the file system can and nobody is in the way; else it is copied."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import apsw
import pytest
from needs import need

from holdfast.contract.snapshot import Level
from holdfast.contract.spec import Endpoint
from holdfast.contract.tools import Tools
from holdfast.engines.sqlite.engine import SqliteEngine
from holdfast.engines.sqlite.reflink import reflink
from holdfast.engines.sqlite.spec import SqliteSpec
from holdfast.kernel.stop import Stop

ROWS = 20_000


@pytest.fixture
def sharing(tmp_path: Path) -> Iterator[Path]:
    """A Btrfs of our own on a file, where this machine lets us make and mount one."""
    maker = shutil.which("mkfs.btrfs", path="/usr/sbin:/sbin:/usr/bin")
    need(os.geteuid() == 0 and maker, "root and btrfs-progs")
    image, mount = tmp_path / "image", tmp_path / "mounted"
    with image.open("wb") as file:
        file.truncate(160 << 20)
    subprocess.run([str(maker), "-q", str(image)], check=True)
    mount.mkdir()
    mounting = subprocess.run(["/bin/mount", "-o", "loop", str(image), str(mount)], capture_output=True, check=False)
    need(mounting.returncode == 0, "the right to mount a file system")
    try:
        yield mount
    finally:
        subprocess.run(["/bin/umount", str(mount)], check=True)


def made(directory: Path) -> Endpoint:
    """A database with its rows still in the log, as a program that was just ended leaves it."""
    path = directory / "live.sqlite"
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, note TEXT)")
        connection.execute(
            "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < ?) "
            "INSERT INTO t SELECT n, hex(randomblob(500)) FROM s",
            (ROWS,),
        )
    return Endpoint(path=path, database="live")


def count(path: Path | None) -> int:
    with closing(apsw.Connection(str(path))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return int(connection.execute("SELECT count(*) FROM t").fetchall()[0][0])


def cloned(tools: Any, source: Endpoint, directory: Path) -> bool:
    """Whether blocks are shared; the clone is equal to its source, and apart from it."""
    engine = SqliteEngine()
    target = Endpoint(path=directory / "copy.sqlite", database="copy")
    asyncio.run(engine.prepare(target, SqliteSpec(), cast(Tools, tools)))
    done = engine.clone(source, target, cast(Tools, tools), Stop(), lambda _: None)
    assert done is not None
    receipt, manifest = done
    verdict = engine.connect(target, cast(Tools, tools)).verify(manifest, Level.RESTORED, Stop())
    assert verdict.ok, verdict
    assert manifest.database == "live"
    assert count(target.path) == ROWS
    with closing(apsw.Connection(str(source.path))) as connection:
        connection.execute("DELETE FROM t WHERE id > 10")
        assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)], "the source stays as it was"
    assert (count(target.path), count(source.path)) == (ROWS, 10)
    assert not [path.name for path in directory.iterdir() if "cloning" in path.name]
    return bool(receipt.facts["shared_blocks"])


@pytest.mark.slow
def test_blocks_are_shared(sharing: Path, tools: Any) -> None:
    source = made(sharing)
    subprocess.run(["/bin/sync", "-f", str(sharing)], check=True)
    assert cloned(tools, source, sharing)


def test_elsewhere_it_is_copied(tmp_path: Path, tools: Any) -> None:
    """/dev/shm shares no blocks, nor do two file systems."""
    directory = Path("/dev/shm") / f"hf-reflink-{os.getpid()}"
    directory.mkdir()
    try:
        source = made(directory)
        assert not reflink(cast(Path, source.path), directory / "new")
        assert not reflink(cast(Path, source.path), tmp_path / "new")
        assert not (directory / "new").exists()
        assert not (tmp_path / "new").exists()
        assert not cloned(tools, source, directory)
    finally:
        shutil.rmtree(directory)


@pytest.mark.parametrize("how", ["open", "reading", "writing"])
def test_never_while_somebody_has_it_open(tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the file is opened then: its closing would drop the locks of whoever in this process uses it."""
    source = made(tmp_path)
    opened: list[object] = []
    real = os.open
    asking = threading.get_ident()

    def watched(path: object, *more: Any, **named: Any) -> int:
        if threading.get_ident() == asking:  # the process's other threads open files of their own
            opened.append(path)
        return real(path, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", watched)
    with closing(apsw.Connection(str(source.path))) as other:
        other.execute("SELECT count(*) FROM t").fetchall()
        if how != "open":
            other.execute("BEGIN IMMEDIATE" if how == "writing" else "BEGIN")
            other.execute("SELECT count(*) FROM t").fetchall()
        assert not reflink(cast(Path, source.path), tmp_path / "new")
        assert opened == []
        if how == "writing":
            other.execute("INSERT INTO t VALUES (0, 'x')")
        if how != "open":
            other.execute("COMMIT")
    assert count(source.path) == ROWS + (how == "writing")


@pytest.mark.slow
def test_whoever_comes_meanwhile_loses_nothing(sharing: Path) -> None:
    """Writers that open and close the file all the time: each clone is whole, and every write that was told stays."""
    source = cast(Path, made(sharing).path)
    done, over = [0], threading.Event()

    def write() -> None:
        while not over.is_set():
            with closing(apsw.Connection(str(source))) as connection:
                connection.set_busy_timeout(5000)
                connection.execute("INSERT INTO t (note) VALUES ('more')")
            done[0] += 1
            over.wait(0.02)

    thread = threading.Thread(target=write)
    thread.start()
    shared, number, until = 0, 0, time.monotonic() + 20
    try:
        while (shared < 5 or number < 30) and time.monotonic() < until:
            number, before = number + 1, done[0]
            if reflink(source, sharing / f"copy{number}"):
                shared += 1
                assert ROWS + before <= count(sharing / f"copy{number}") <= ROWS + done[0] + 1
    finally:
        over.set()
        thread.join()
    assert shared > 0, f"never in {number} times"
    assert count(source) == ROWS + done[0]
