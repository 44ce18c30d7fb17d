"""Recoveries that are killed, repositories in a bucket, and the old server that comes back."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import metadata_home
import pyrage
import pytest
from lost_server import ODD
from ram import roomy
from s3_server import KEY, Server, moto
from world import OWNER, World, refused, world

from holdfast import catalog
from holdfast.commands.demo.temporary import environment
from holdfast.features.backups.kinds import ACCESS_KEY, SECRET
from holdfast.features.backups.repository_service import CloudWish, RepositoryWish
from holdfast.features.databases.model import Resource
from holdfast.features.recovery.kit_file import open_kit
from holdfast.features.recovery.marker import require_finished
from holdfast.features.recovery.recovering import Asked, Recovery
from holdfast.features.secrets.kit import Kit
from holdfast.features.secrets.store import installation_epoch
from holdfast.features.workers.model import WantedWorker
from holdfast.features.workers.versions import Upload
from holdfast.hosts.keeper import Policy, background
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import HoldfastError, NeedsOperator
from holdfast.kernel.settings import Settings
from holdfast.services import build as build_services

pytestmark = pytest.mark.slow
POINTS = ("recover.claimed", "recover.copied", "recover.code", "recover.placing")


@dataclass
class Lost:
    """A server with a database in a bucket and one on its disk. It lives on: that it was lost is what others think."""

    world: World
    server: Server
    far: Resource
    near: Resource
    kit: Kit
    files: tuple[Path, Path]
    copies: Path
    own: str

    def settings(self, folder: Path) -> Settings:
        """Of a machine that has nothing."""
        made = Settings(folder / "data", folder / "run", folder / "key", control_port=0, apps_port=0)
        url = metadata_home.url(folder / "data" / "meta" / "holdfast.db")
        return replace(
            made,
            database_url=url if metadata_home.POSTGRESQL else None,
            outbound_allow=("127.0.0.0/8",),
        )

    def recovery(self, settings: Settings, source: str, **more: object) -> Recovery:
        asked = Asked(self.kit, source, **more)  # type: ignore[arg-type]
        return Recovery(settings, catalog.registry(), SystemClock(), asked, lambda _words: None)


@pytest.fixture(scope="module")
def lost() -> Iterator[Lost]:
    folder = Path(tempfile.mkdtemp(prefix="hf-lost-", dir=roomy()))
    with moto() as server, world(outbound_allow=("127.0.0.0/8",)) as made:
        fields = {"endpoint": server.endpoint, "bucket": server.bucket(), "allow_http": True}
        wish = CloudWish("s3", fields, {ACCESS_KEY: KEY.id, SECRET: KEY.secret})
        vault = made.services.repositories.create(OWNER, RepositoryWish(made.project.id, "vault", cloud=wish))
        far, near = made.create(name=ODD), made.create(name="near")
        for database in (far, near):
            made.write(database.id, "create table t (id integer primary key)", "insert into t values (1), (2)")
        made.snapshot(far.id, repository_id=vault.id, level=1)
        made.snapshot(near.id, level=1)
        worker = made.services.workers.workers.create(OWNER, WantedWorker(made.environment.id, "kept"))
        code = {"wrangler.json": b'{"name": "kept", "main": "entry.py"}', "entry.py": b"app = None\n"}
        made.services.workers.versions.upload(OWNER, worker.id, Upload(code))
        made.services.recovery.add_home(OWNER, vault.id)
        for row in made.services.recovery.take(OWNER):
            made.services.jobs.wait(str(row.run_id), 60)
        key = pyrage.x25519.Identity.generate()
        content, _ = made.services.secrets.kits.create(OWNER, [str(key.to_public())], None)
        (folder / "kit.age").write_bytes(content)
        (folder / "key.txt").write_text(f"{key}\n")
        kit = open_kit(content, identity=f"{key}\n")
        shutil.copytree(made.settings.data / "repositories", folder / "copies")
        own = next(each.id for each in kit.repositories if each.project == "system")
        yield Lost(made, server, far, near, kit, (folder / "kit.age", folder / "key.txt"), folder / "copies", own)
    shutil.rmtree(folder)


def test_every_home_got_a_snapshot_that_was_read_back(lost: Lost) -> None:
    state = lost.world.services.recovery.state(OWNER)
    assert {look.repository.name for look in state.homes} == {"vault"}, "named homes are the only ones"
    newest = [look.newest for look in state.homes]
    assert all(row is not None and row.state == "ready" and (row.rows or 0) > 20 for row in newest)


def test_a_dry_run_names_what_is_out_of_reach(lost: Lost, tmp_path: Path) -> None:
    """Only the bucket is left: what lay on the disk does not come back, and nothing says it would."""
    seen = lost.recovery(lost.settings(tmp_path), "vault").look()
    found = {each.name: each for each in seen.databases}
    assert found[ODD].snapshot_id is not None
    assert found["near"].snapshot_id is None
    assert found["near"].why
    assert not (tmp_path / "data").exists()
    with_copies = lost.recovery(lost.settings(tmp_path), "vault", directories=[lost.copies]).look()
    assert all(each.snapshot_id for each in with_copies.databases)


def test_a_killed_recovery_is_run_again(lost: Lost) -> None:
    """kill -9 at each point on the same directory, which no Holdfast starts on meanwhile; then it succeeds."""
    folder = Path(tempfile.mkdtemp(prefix="hf-killed-", dir=roomy()))
    settings = lost.settings(folder)
    environ = environment(folder, settings.database_url) | {"HOLDFAST_OUTBOUND_ALLOW": "127.0.0.0/8"}
    line = ["recover", "--from", "vault", "--kit", str(lost.files[0]), "--identity", str(lost.files[1])]
    line += ["--repositories", str(lost.copies), "--no-start", "--data", str(settings.data)]
    try:
        for point in (*POINTS, "recover.placed"):
            argv = [sys.executable, "-m", "holdfast.cli", *line]
            done = subprocess.run(
                argv, env=environ | {"HOLDFAST_CRASH_AT": point}, capture_output=True, text=True, check=False
            )
            assert done.returncode == -9, (point, done.stdout, done.stderr)
            with pytest.raises(NeedsOperator) as caught:
                require_finished(settings.data)
            assert caught.value.code == "recovery_unfinished"
        done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        require_finished(settings.data)
        db = Database(settings.metadata_url)
        with db.read() as conn:
            states = {row[0]: row[1] for row in conn.exec_driver_sql("SELECT name, state FROM resources")}
            known = installation_epoch(conn)
            queued = conn.exec_driver_sql("SELECT count(*) FROM runs WHERE state = 'queued'").scalar_one()
        db.close()
        (laid,) = settings.data.glob("workers/wrk_*/wver_*/code/entry.py")
        assert laid.read_bytes() == b"app = None\n"
        assert states == {ODD: "restoring", "near": "restoring"}
        assert known is not None
        assert known[1] >= 1
        assert queued == 2, "one restore for each, however often it was begun"
        code = "metadata_not_empty" if metadata_home.POSTGRESQL else "data_in_use"
        refused(code, lost.recovery(settings, "vault").run)
    finally:
        shutil.rmtree(folder)


def test_the_bucket_alone_brings_its_database_back(lost: Lost) -> None:
    folder = Path(tempfile.mkdtemp(prefix="hf-new-", dir=roomy()))
    settings = lost.settings(folder)
    try:
        outlook = lost.recovery(settings, "vault").run()
        assert outlook is not None
        run_id = next(each.run_id for each in outlook.databases if each.name == ODD)
        with background(settings, Policy(first=0.05, longest=0.4, deaths=4)):
            services = build_services(settings)
            new = World(settings, services, lost.world.project, lost.world.environment, lost.world.production)
            new.start_runner()
            try:
                done = services.jobs.wait(str(run_id), 60)
                assert done.state == "succeeded", done.error
                assert new.rows(lost.far.id, "select count(*) from t") == [(2,)]
                reason = new.database(lost.near.id)
                assert (reason.state, (reason.state_reason or {})["code"]) == ("failed", "no_snapshot")
                taken = new.snapshot(lost.far.id, level=1)
                assert taken.state == "ready"
                _old_server_is_refused(lost)
            finally:
                new.stop_runner()
                asyncio.run(services.queries.close())
                services.close()
    finally:
        shutil.rmtree(folder)


def _old_server_is_refused(lost: Lost) -> None:
    """It was not lost at all: it must not write where the new one does."""
    old = lost.world
    vault = next(row for row in old.services.repositories.list(OWNER) if row.name == "vault")
    before = {info.id for info in _names(lost, vault.id)}
    _, run = old.services.snapshots.create(OWNER, lost.far.id, repository_id=vault.id)
    ended = old.ended(run)
    assert ended.state == "failed"
    assert (ended.error or {})["code"] == "superseded"
    assert {info.id for info in _names(lost, vault.id)} == before, "nothing was stored"


def _names(lost: Lost, repository_id: str) -> list:  # type: ignore[type-arg]
    from s3_server import RELAY

    from holdfast.features.backups.places import Places
    from holdfast.features.recovery.kit_file import open_source

    _, repository, _ = open_source(lost.kit, repository_id, Places(Path("/nowhere"), RELAY, SystemClock()))
    return repository.snapshots()


def test_a_kit_that_does_not_fit_is_refused(lost: Lost, tmp_path: Path) -> None:
    settings = lost.settings(tmp_path)
    stale = replace(lost.kit, master_keys={"master-x": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="})
    with pytest.raises(HoldfastError) as caught:
        Recovery(settings, catalog.registry(), SystemClock(), Asked(stale, "vault"), lambda _w: None).look()
    assert caught.value.code == "kit_stale"
    refused("repository_unknown", lost.recovery(settings, "elsewhere").look)
    refused("metadata_snapshot_missing", lost.recovery(settings, "vault", snapshot="0000").look)
    assert not settings.data.exists()
