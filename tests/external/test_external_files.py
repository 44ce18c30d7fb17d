"""SQLite files of other programs: which may be registered, and what becomes of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import apsw
import pytest
from foreign_files import make_file
from foreign_world import register, registered
from world import OWNER, World, refused, world

from holdfast.features.backups.restore_service import RestoreWish
from holdfast.features.databases.external_service import Registration
from holdfast.features.databases.external_target import Target


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("roots")


@pytest.fixture(scope="module")
def files(roots: Path) -> Iterator[World]:
    with world(sqlite_roots=(roots / "listed", Path("/"))) as made:
        (roots / "listed").mkdir()
        made.services.reach.settings = replace(made.settings, sqlite_roots=(roots / "listed",))
        yield made


def asked(here: World, path: Path) -> str:
    wish = Registration(here.environment.id, "sqlite", "never", Target(path=str(path)))
    before = here.count("resources"), here.count("audit_events")
    found = refused_code(lambda: here.services.externals.register(OWNER, wish))
    assert (here.count("resources"), here.count("audit_events")) == before
    return found


def refused_code(act: object) -> str:
    from holdfast.kernel.errors import HoldfastError

    with pytest.raises(HoldfastError) as caught:
        act()  # type: ignore[operator]
    return caught.value.code


def test_journey(files: World, roots: Path) -> None:
    """Queried, backed up to L3 beside its own program, restored elsewhere, replaced in place, forgotten."""
    path = make_file(roots / "listed" / "it's shop.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
    resource = registered(files, "notes", Target(url=f"sqlite://{path}".replace(" ", "%20")), "sqlite")
    assert (resource.host, (resource.endpoint or {})["path"]) == ("external", str(path))
    program = apsw.Connection(str(path))
    program.execute("INSERT INTO t VALUES (1, 'by its own program')")
    files.write(resource.id, "INSERT INTO t VALUES (2, 'by us')")
    assert files.rows(resource.id, "SELECT count(*) FROM t") == [(2,)]
    snapshot = files.snapshot(resource.id, level=3)
    assert snapshot.verification == "green"
    copy = files.restore(snapshot.id, mode="new", name="notes-copy")
    assert (copy.host, files.rows(copy.id, "SELECT count(*) FROM t")) == ("embedded", [(2,)])
    program.execute("DELETE FROM t")
    program.close()
    owner = path.stat().st_uid
    files.restore(snapshot.id, mode="in_place", confirm="notes")
    assert files.rows(resource.id, "SELECT count(*) FROM t") == [(2,)]
    assert path.stat().st_uid == owner
    files.succeeded(files.services.databases.delete(OWNER, resource.id, "notes")[1])
    files.succeeded(files.services.databases.purge(OWNER, resource.id, "notes")[1])
    assert path.exists(), "forgotten, not deleted"
    left = apsw.Connection(str(path))
    assert left.execute("SELECT count(*) FROM t").fetchall() == [(2,)]
    left.close()


def test_what_may_not_be_registered(files: World, roots: Path) -> None:
    """Outside the roots, over links, by other names, our own, no plain file: refused before anything is written."""
    listed = roots / "listed"
    plain = make_file(listed / "plain.db")
    outside = make_file(roots / "outside.db")
    (listed / "link.db").symlink_to(plain)
    (listed / "away").symlink_to(roots)
    os.link(outside, listed / "hard.db")
    (listed / "folder.db").mkdir()
    os.mkfifo(listed / "pipe.db")
    assert asked(files, outside) == "file_outside_roots"
    assert asked(files, listed / "link.db") == "file_invalid"
    assert asked(files, listed / "away" / "outside.db") == "file_invalid"
    assert asked(files, listed / "hard.db") == "file_invalid"
    assert asked(files, listed / ".." / "outside.db") == "file_invalid"
    assert asked(files, listed / "folder.db") == "file_invalid"
    assert asked(files, listed / "pipe.db") == "file_invalid"
    assert asked(files, listed / "absent.db") == "file_absent"
    assert asked(files, Path("plain.db")) == "file_invalid"
    (listed / "text.db").write_text("no database, but long enough to be read as one" * 50)
    _, run = register(files, "text", Target(path=str(listed / "text.db")), "sqlite")
    assert (run.state, (run.error or {})["code"]) == ("failed", "protocol_foreign")


def test_our_own_files_never(files: World) -> None:
    """Not even when the operator listed everything."""
    everything = replace(files.settings, sqlite_roots=(Path("/"),))
    files.services.reach.settings, before = everything, files.services.reach.settings
    try:
        meta = files.settings.data / "meta" / "holdfast.db"
        meta.parent.mkdir(parents=True, exist_ok=True)
        meta.touch()
        assert asked(files, meta) == "file_ours"
        hosted = files.create("sqlite", "ours")
        assert asked(files, Path((hosted.endpoint or {})["path"])) == "file_ours"
        assert asked(files, files.settings.master_key_file) == "file_ours"
    finally:
        files.services.reach.settings = before


def test_swapped_for_a_link_later(files: World, roots: Path) -> None:
    """A file that became a link after it was registered is not followed; without roots nothing is registered."""
    path = make_file(roots / "listed" / "later.db", "CREATE TABLE t (id INTEGER)")
    resource = registered(files, "later", Target(path=str(path)), "sqlite")
    secret = make_file(roots / "secret.db", "CREATE TABLE t (id INTEGER)", "INSERT INTO t VALUES (42)")
    path.unlink()
    path.symlink_to(secret)
    refused("file_invalid", lambda: files.rows(resource.id, "SELECT id FROM t"))
    _, look = files.services.externals.report(OWNER, resource.id)
    assert (look.ok, (look.error or {})["code"]) == (False, "file_invalid")
    files.services.reach.settings, before = replace(files.settings, sqlite_roots=()), files.services.reach.settings
    try:
        assert asked(files, secret) == "sqlite_roots_none"
    finally:
        files.services.reach.settings = before


def test_no_swap_without_proof(files: World, roots: Path) -> None:
    """Outside WAL mode another program could go on writing into the replaced file: in place is refused."""
    path = make_file(roots / "listed" / "old.db", "CREATE TABLE t (id INTEGER)", mode="delete")
    resource = registered(files, "old", Target(path=str(path)), "sqlite")
    snapshot = files.snapshot(resource.id, level=1)
    wish = RestoreWish(mode="in_place", confirm="old")
    error = refused("cannot_swap", lambda: files.services.restores.restore(OWNER, snapshot.id, wish))
    assert "another program" in error.message
    assert [each["code"] for each in files.services.restores.preview(OWNER, snapshot.id, wish).blockers] == [
        "cannot_swap"
    ]
    assert files.rows(resource.id, "SELECT count(*) FROM t") == [(0,)]
    held = apsw.Connection(str(path))
    assert held.execute("PRAGMA journal_mode").fetchall() == [("delete",)], "its own mode"
    held.close()
