"""A lost server, its metadata in a file, comes back with its metadata on PostgreSQL; or is refused before anything."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx
import metadata_home
import psycopg
import pytest
from lost_server import ODD, Machine, first_owner, machine, make_kit, own_repository, recovering
from psycopg import sql
from world import refused

from holdfast import catalog
from holdfast import tables as _every_table  # noqa: F401 - of the metadata
from holdfast.features.recovery.kit_file import open_kit
from holdfast.features.recovery.recovering import Asked, Recovery
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.own_metadata]
SECRET = "the value of it: a\"b'; -- ü"
ROLE, WORDS = "hold\"fast'; -- ü", "p%40 :/?#[]@ü"


@contextmanager
def roles(server: str) -> Iterator[None]:
    """One that may do nothing but what it owns."""
    with psycopg.connect(server, autocommit=True) as admin:
        made = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(ROLE), sql.Literal(WORDS))
        admin.execute(made)
        try:
            yield
        finally:
            names = admin.execute("SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = %s", [ROLE])
            for (name,) in names.fetchall():
                admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(ROLE)))


def database(server: str, name: str, *, owned: bool = True) -> str:
    """An empty database, and its URL for the role."""
    with psycopg.connect(server, autocommit=True) as admin:
        owner = sql.SQL("OWNER {}").format(sql.Identifier(ROLE)) if owned else sql.SQL("")
        admin.execute(sql.SQL("CREATE DATABASE {} {}").format(sql.Identifier(name), owner))
    words = psycopg.conninfo.conninfo_to_dict(server)
    who = f"{quote(ROLE, safe='')}:{quote(WORDS, safe='')}"
    where = f"host={quote(str(words['host']), safe='/')}&port={words.get('port', 5432)}"
    return f"postgresql+psycopg://{who}@/{quote(name)}?{where}"


def filled(old: Machine) -> dict[str, str]:
    """People, a key, a secret, a plan, a database with rows: what the new server must know. The key in plain text."""
    url = old.up()
    first_owner(old, url)
    key = old.do("key", "create", "ci", "--permission", "database.read", "--json").json
    old.do("db", "create", "sqlite", ODD)
    old.query(ODD, "create table t (id integer primary key, body text)", write=True)
    old.query(ODD, "insert into t values (1, 'kept')", write=True)
    old.do("secret", "set", "API_TOKEN", "--stdin", stdin=SECRET)
    old.do(
        "plan", "create", "nightly", "--db", ODD, "--cron", "15 3 * * *", "--tz", "Europe/Zurich", "--keep", "daily=7"
    )
    old.do("snapshot", "create", ODD)
    old.do("metadata", "backup")
    return {"key": str(key["key"]), "plan": old.do("plan", "show", "nightly", "--json").json["id"]}


def _refused_before_anything(server: str, files: tuple[Path, Path], copies: Path, own: str, folder: Path) -> None:
    """Where the database is somebody's, out of reach, or not the role's to make tables in."""
    kit = open_kit(files[0].read_bytes(), identity=files[1].read_text())
    taken, foreign = database(server, "taken"), database(server, "of others", owned=False)
    with psycopg.connect(server, dbname="taken") as there:
        there.execute("CREATE TABLE theirs (id int)")
    for url, code in (
        (taken, "metadata_not_empty"),
        (foreign, "metadata_unreachable"),
        (taken.replace("/taken?", "/absent?"), "metadata_unreachable"),
        (taken.replace(":p%2540", ":wrong"), "metadata_unreachable"),
    ):
        settings = Settings(folder / "data", folder / "run", folder / "key", database_url=url)
        asked = Asked(kit, str(copies / own))
        recovery = Recovery(settings, catalog.registry(), SystemClock(), asked, lambda _words: None)
        for act in (recovery.look, recovery.run):
            assert WORDS not in refused(code, act).message
        assert not (folder / "data" / "meta").exists()
        assert not (folder / "key").exists()
    assert list((copies / own).glob("claims/*")) == [], "nobody was told that a new server took over"


def test_the_metadata_goes_to_postgresql(tmp_path: Path) -> None:
    """Refused where the database is somebody's, out of reach or not the role's, and the repositories know nothing of
    it. Then: people sign in, keys, secrets and plans are valid, rows are back, snapshots go on from there."""
    server = metadata_home._server()
    with roles(server):
        with machine() as old:
            known = filled(old)
            kit, own = make_kit(old, tmp_path), own_repository(old)
            copies = tmp_path / "copies"
            shutil.copytree(old.data / "repositories", copies)
            old.down()
        _refused_before_anything(server, kit, copies, own, tmp_path)
        with machine(HOLDFAST_DATABASE_URL=database(server, "metadata ü")) as new:
            new.do(*recovering(new, copies / own, kit))
            assert not (new.data / "meta" / "holdfast.db").exists()
            url = new.url()
            assert new.sign_in(url) in (200, 201)
            asked = {"Authorization": f"Bearer {known['key']}"}
            answer = httpx.get(f"{url}/api/v1/databases", headers=asked, timeout=30)
            assert [each["name"] for each in answer.json()["items"]] == [ODD], answer.text
            assert httpx.get(f"{url}/api/v1/keys", headers=asked, timeout=30).status_code == 403, "it may no more"
            assert new.do("secret", "reveal", "API_TOKEN", "--json").json["value"] == SECRET
            plan = new.do("plan", "show", "nightly", "--json").json
            assert (plan["id"], plan["enabled"]) == (known["plan"], True)
            assert new.query(ODD, "select id, body from t")["rows"] == [[1, "kept"]]
            new.do("plan", "run", "nightly")
            assert new.do("audit", "verify", "--json").json["ok"]
            new.do("metadata", "backup")
