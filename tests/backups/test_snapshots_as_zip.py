"""Several snapshots' files behind one link, as one zip; and how long links may live."""

from __future__ import annotations

import gzip
import io
import re
import subprocess
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from world import OWNER, World, actor_with, refused

from holdfast.features.access.actor import Actor
from holdfast.features.access.grants import Grant
from holdfast.features.backups import store as backups
from holdfast.features.backups.model import Snapshot
from holdfast.features.databases.model import Resource
from holdfast.features.files.links import Made
from holdfast.features.files.model import Lives, link_lives
from holdfast.features.files.sending import Shown
from holdfast.kernel.ids import new_id
from holdfast.vault.plain.wish import FileWish

LOCAL = replace(OWNER, id="local:root", kind="local")
PLAIN = FileWish(packing="none")


@pytest.fixture(scope="module")
def three(here: World) -> list[tuple[Resource, Snapshot]]:
    """Two databases whose names differ in case only, and an awkward one in production."""
    found = []
    for number, name in enumerate(("Shop", "shop", "ö\"'; --/..")):
        database = here.create("sqlite", name)
        here.write(database.id, "create table t (n integer)", f"insert into t values ({number})")
        found.append((database, here.snapshot(database.id, level=1)))
    last = found[-1][1]
    with here.db.write() as conn:
        moved = backups.change(conn, Snapshot, last.id, environment_id=here.production.id)
    assert moved is not None
    return [*found[:-1], (found[-1][0], moved)]


def ids(three: Sequence[tuple[Resource, Snapshot]]) -> list[str]:
    return [snapshot.id for _, snapshot in three]


def link(here: World, snapshot_ids: Sequence[str], wish: FileWish = PLAIN, actor: Actor = LOCAL, **more: Any) -> Made:
    return here.services.files.links.create_zip(actor, snapshot_ids, wish, said=True, **more)


def shown(made: Made) -> Shown:
    words = {key: value[0] for key, value in parse_qs(urlsplit(made.path).query).items()}
    return Shown(made.download.id, int(words["expires"]), words["signature"])


def sent(here: World, made: Made) -> bytes:
    return b"".join(here.services.files.sending.open(shown(made), None))


def test_stock_programs_open_it_and_each_file(
    here: World, three: list[tuple[Resource, Snapshot]], tmp_path: Path
) -> None:
    made = link(here, ids(three))
    assert (made.download.size, made.download.etag, made.download.snapshot_id) == (None, None, "")
    assert made.download.name.endswith(".zip")
    (tmp_path / "all.zip").write_bytes(sent(here, made))
    (block,) = re.findall(r"```sh\n(.*?)```", made.guide, re.S)
    env = {"FILE": "all.zip", "TARGET": "out", "PATH": "/usr/bin:/bin"}
    subprocess.run(["sh", "-c", block], env=env, cwd=tmp_path, check=True)  # noqa: S607
    with zipfile.ZipFile(tmp_path / "all.zip") as opened:
        names = opened.namelist()
        assert opened.testzip() is None
    assert len({name.casefold() for name in names}) == 6
    for number, (_, snapshot) in enumerate(three):
        (file,) = (each for each in names if snapshot.id in each and not each.endswith(".RESTORE.md"))
        assert f"`{file}`" in made.guide
        guide = (tmp_path / "out" / f"{file}.RESTORE.md").read_text()
        assert "sqlite3" in guide
        ask = ["sqlite3", str(tmp_path / "out" / file), "select n from t"]
        assert subprocess.run(ask, capture_output=True, check=True, text=True).stdout == f"{number}\n"


def test_each_file_is_packed_and_sealed_as_is_wished(
    here: World, three: list[tuple[Resource, Snapshot]], tmp_path: Path
) -> None:
    wish = FileWish(packing="gzip", sealing="aes256", passphrase="a long passphrase")
    with zipfile.ZipFile(io.BytesIO(sent(here, link(here, ids(three)[:2], wish)))) as opened:
        guide, file = opened.namelist()[:2]
        assert guide == f"{file}.RESTORE.md"
        (tmp_path / "sealed").write_bytes(opened.read(file))
        commands = re.findall(r"```sh\n(.*?)```", opened.read(guide).decode(), re.S)
    assert not (tmp_path / "sealed").read_bytes().startswith((b"SQLite", b"\x1f\x8b"))
    assert "a long passphrase" not in commands[0]
    ask = "openssl" in commands[0]
    assert ask
    with zipfile.ZipFile(io.BytesIO(sent(here, link(here, ids(three)[:2], FileWish(packing="gzip"))))) as opened:
        file = opened.namelist()[1]
        assert gzip.decompress(opened.read(file)).startswith(b"SQLite format 3")


def test_a_link_is_of_all_or_of_nothing(here: World, three: list[tuple[Resource, Snapshot]]) -> None:
    """Whoever may not have one of them gets none; nothing is recorded then."""
    here_only = Grant(frozenset({"snapshot.download", "snapshot.read"}), here.project.id, here.environment.id)
    partly = Actor("usr_partly", "user", "p", (here_only,))
    before = here.count("downloads")
    refused("snapshot_not_found", lambda: link(here, ids(three), actor=partly))
    stranger = actor_with("snapshot.download", projects=frozenset({"prj_other"}))
    refused("snapshot_not_found", lambda: link(here, ids(three), actor=stranger))
    refused("snapshot_not_found", lambda: link(here, [*ids(three), new_id("snap")]))
    refused("permission_denied", lambda: link(here, ids(three), actor=actor_with("snapshot.read")))
    refused("encryption_required", lambda: _required(here, three))
    with here.db.write() as conn:
        other = replace(three[0][1], id=new_id("snap"), project_id="prj_other")
        backups.insert(conn, other)
    refused("snapshots_apart", lambda: link(here, [ids(three)[0], other.id]))
    assert here.count("downloads") == before
    links = here.services.files.links
    made = link(here, ids(three)[:2], actor=partly)
    assert links.get(partly, made.download.id) == made.download
    across = link(here, ids(three))
    refused("permission_denied", lambda: links.get(partly, across.download.id))
    refused("permission_denied", lambda: links.revoke(partly, across.download.id))
    refused("download_not_found", lambda: links.revoke(stranger, across.download.id))
    mine = links.list(partly, project_id=None, snapshot_id=None, after=None, limit=50)
    seen = {each.id for each in mine}
    assert made.download.id in seen
    assert across.download.id not in seen
    alone = link(here, ids(three)[:1])
    assert (alone.download.members, alone.download.snapshot_id) == (None, ids(three)[0])
    both = links.list(LOCAL, project_id=None, snapshot_id=ids(three)[0], after=None, limit=50)
    assert {alone.download.id, across.download.id, made.download.id} <= {each.id for each in both}
    last = links.list(LOCAL, project_id=None, snapshot_id=ids(three)[2], after=None, limit=50)
    assert across.download.id in {each.id for each in last}
    assert not {alone.download.id, made.download.id} & {each.id for each in last}
    assert links.list(LOCAL, project_id=None, snapshot_id="%", after=None, limit=50) == []


def _required(here: World, three: list[tuple[Resource, Snapshot]]) -> None:
    links = here.services.files.links
    links.put_policy(OWNER, here.project.id, "required")
    try:
        link(here, ids(three))
    finally:
        links.put_policy(OWNER, here.project.id, "optional")


def test_it_ends_as_other_links_do(here: World, three: list[tuple[Resource, Snapshot]]) -> None:
    """Once, revoked, altered, of a maker who is gone, and when one of its snapshots is gone."""
    sending, links = here.services.files.sending, here.services.files.links
    single = link(here, ids(three), single=True)
    assert sent(here, single)
    refused("link_invalid", lambda: sending.open(shown(single), None))
    revoked = link(here, ids(three))
    links.revoke(LOCAL, revoked.download.id)
    refused("link_invalid", lambda: sending.look(shown(revoked)))
    good = link(here, ids(three))
    refused("link_invalid", lambda: sending.look(replace(shown(good), download_id=link(here, ids(three)).download.id)))
    refused("link_invalid", lambda: sending.look(replace(shown(good), expires=shown(good).expires + 1)))
    assert sending.look(shown(good)).id == good.download.id
    nobody = link(here, ids(three), actor=replace(OWNER, id=new_id("usr")))
    refused("link_invalid", lambda: sending.look(shown(nobody)))
    with here.db.write() as conn:
        copy = replace(three[0][1], id=new_id("snap"))
        backups.insert(conn, copy)
    short = link(here, [copy.id, ids(three)[1]])
    with here.db.write() as conn:
        backups.change(conn, Snapshot, copy.id, state="deleted")
    refused("snapshot_gone", lambda: sending.open(shown(short), None))


def test_how_long_links_live_is_set_while_it_runs(here: World, three: list[tuple[Resource, Snapshot]]) -> None:
    """By who may change the installation, for links from then on."""
    links = here.services.files.links
    before = link(here, ids(three))
    assert links.lives(OWNER) == Lives(here.settings.download_seconds, here.settings.download_most_seconds)
    try:
        links.put_lives(OWNER, Lives(60, 120))
        made = link(here, ids(three)[:1]).download
        assert round((made.expires_at - made.created_at).total_seconds()) in (59, 60)
        link(here, ids(three), seconds=120)
        refused("seconds_invalid", lambda: link(here, ids(three), seconds=121))
        assert links.get(LOCAL, before.download.id).expires_at == before.download.expires_at
        for wrong in (Lives(0, 10), Lives(11, 10), Lives(1, 367 * 86_400)):
            refused("seconds_invalid", lambda wrong=wrong: links.put_lives(OWNER, wrong))
        for actor in (
            actor_with("snapshot.download"),
            actor_with("system.admin", projects=frozenset({here.project.id})),
        ):
            refused("permission_denied", lambda actor=actor: links.put_lives(actor, Lives(1, 1)))
        idle = replace(OWNER, stepped_up=False)
        refused("step_up_required", lambda: links.put_lives(idle, Lives(1, 1)))
        assert links.lives(OWNER) == Lives(60, 120)
    finally:
        with here.db.write() as conn:
            conn.execute(link_lives.delete())
