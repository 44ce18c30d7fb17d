"""The nastiest schema we know goes round and is the same: pg_dump says so word for word, digests row by row."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pg_server import Cluster, capture, execute, popen, restore, rows, user_session

from holdfast.contract.conformance import MemorySource, Place
from holdfast.contract.snapshot import Level, RestoreRequest
from holdfast.engines.postgresql import engine, link
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.kernel.stop import Stop

NASTY = Path(__file__).with_name("nasty.sql").read_text()


def build_nasty(place: Place) -> None:
    """As the superuser where only he may, then everything handed to the owner but one table of a stranger."""
    with user_session(place.endpoint, "admin", autocommit=True) as admin:
        admin.execute("CREATE EXTENSION IF NOT EXISTS vector")
        admin.execute("DO $$ BEGIN CREATE ROLE stranger; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
        admin.execute("GRANT CREATE ON SCHEMA public TO stranger")
    with user_session(place.endpoint, "owner", autocommit=True) as owner:
        for statement in statements(NASTY.replace("CREATE EXTENSION vector;\n", "")):
            owner.execute(statement)  # type: ignore[call-overload]
    with user_session(place.endpoint, "admin", autocommit=True) as admin:
        name = admin.info.dbname.replace('"', '""')
        for text in (
            "SET ROLE stranger",
            "CREATE TABLE strange (id integer)",
            "INSERT INTO strange VALUES (1)",
            "GRANT SELECT ON strange TO db_ro WITH GRANT OPTION",
            "RESET ROLE",
            "SELECT lo_from_bytea(4711, '\\x00ff0a5c')",
            "SELECT lo_from_bytea(4712, convert_to(repeat('large', 100000), 'UTF8'))",
            "ALTER LARGE OBJECT 4711 OWNER TO stranger",
            "GRANT SELECT ON LARGE OBJECT 4712 TO db_ro",
            "COMMENT ON LARGE OBJECT 4711 IS 'a large one'",
            f"COMMENT ON DATABASE \"{name}\" IS 'the ''database'''",
            f'ALTER DATABASE "{name}" SET search_path TO public, "Sch;em""a"',
            f"ALTER DATABASE \"{name}\" SET work_mem TO '5MB'",
            "CREATE EVENT TRIGGER watch ON sql_drop EXECUTE FUNCTION watcher()",
        ):
            if "watcher" in text:
                admin.execute("CREATE FUNCTION watcher() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'")
            admin.execute(text)  # type: ignore[call-overload]


def statements(text: str) -> Iterator[str]:
    """Top-level statements; dollar bodies here never hold a semicolon at the end of a line."""
    for part in text.split(";\n"):
        if part.strip():
            yield part


def dump_text(place: Place, *arguments: str) -> str:
    argv = ["pg_dump", "-s", "--restrict-key=same", *arguments]
    process = popen(place.tools.bin, argv, link.tool_env(place.endpoint), stdout=subprocess.PIPE)  # type: ignore[attr-defined]
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return out.decode()


@pytest.fixture(scope="module")
def nasty(pg18: Cluster) -> Iterator[tuple[Place, MemorySource]]:
    with pg18.fresh("na'st\"y ü") as place:
        build_nasty(place)
        yield place, capture(place)


@pytest.fixture
def target(pg18: Cluster) -> Iterator[Place]:
    with pg18.fresh("target") as fresh:
        yield fresh


LARGE = (
    "SELECT m.oid, md5(lo_get(m.oid)), pg_get_userbyid(m.lomowner), m.lomacl::text,"
    " obj_description(m.oid, 'pg_largeobject') FROM pg_largeobject_metadata m ORDER BY 1"
)
DATABASE = (
    "SELECT shobj_description(d.oid, 'pg_database'), s.setconfig, datacl::text FROM pg_database d"
    " LEFT JOIN pg_db_role_setting s ON s.setdatabase = d.oid WHERE datname = current_database()"
)


@pytest.mark.slow
def test_nasty_schema_comes_back_equal(nasty: tuple[Place, MemorySource], target: Place) -> None:
    """Everything pg_dump can tell, every row, every large object, the database's own comment and settings."""
    place, source = nasty
    restore(target, source)
    assert dump_text(target) == dump_text(place)
    session = engine.connect(target.endpoint, target.tools)
    verdict = session.verify(source.manifest, Level.RESTORED, Stop())
    assert verdict.ok, [check for check in verdict.checks if check.ok is False]
    assert session.digests((), Stop()) == engine.connect(place.endpoint, place.tools).digests((), Stop())  # type: ignore[attr-defined]
    assert rows(target, LARGE) == rows(place, LARGE)
    assert rows(target, DATABASE) == rows(place, DATABASE)
    assert rows(target, "SELECT n FROM mv") == [(2,)]
    assert rows(target, "SELECT last_value, is_called FROM lonely") == [(5, True)]
    assert rows(target, "SELECT last_value, is_called FROM untouched") == [(42, False)]
    assert rows(target, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'holdfast\\_load%'") == []


@pytest.mark.slow
def test_snapshot_of_nasty_schema_is_readable(nasty: tuple[Place, MemorySource]) -> None:
    """L2 without a server: archives, large objects, every row's framing."""
    place, source = nasty
    verdict = engine.readable(source, place.tools, Stop())
    assert verdict.ok, [check for check in verdict.checks if check.ok is False]
    assert any(check.name == "large-objects.dump" for check in verdict.checks)


@pytest.mark.slow
def test_restore_sh_needs_only_stock_tools(nasty: tuple[Place, MemorySource], pg18: Cluster, tmp_path: Path) -> None:
    """The files a stock restic gives back, psql, pg_restore and a shell are enough."""
    place, source = nasty
    files = Path(pg18.tools.scratch) / "files"
    for name, content in {**source.files, **source.companions}.items():
        path = files / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    with pg18.fresh("by'hand") as target, user_session(target.endpoint, "admin", autocommit=True) as admin:
        bare = "bare \\ 'q\" " + (target.endpoint.database or "")
        quoted = '"' + bare.replace('"', '""') + '"'
        admin.execute(f"CREATE DATABASE {quoted} OWNER db_owner TEMPLATE template0")  # type: ignore[call-overload]
        try:
            env = link.tool_env(target.endpoint) | {"PGDATABASE": bare, "PATH": f"{pg18.tools.bin}:/usr/bin:/bin"}
            script = popen(Path("/bin"), ["sh", str(files / "restore.sh")], env, stderr=subprocess.PIPE)
            _, errors = script.communicate(timeout=120)
            assert script.returncode == 0, errors.decode()
            there = Place(bare, type(target.endpoint)(**{**vars(target.endpoint), "database": bare}), target.tools)
            assert dump_text(there) == dump_text(place)
            found = engine.connect(there.endpoint, there.tools).digests((), Stop())  # type: ignore[attr-defined]
            assert found == {f"{t.schema}.{t.name}": (t.rows, t.digest) for t in source.manifest.tables}
        finally:
            admin.execute(f"DROP DATABASE {quoted} WITH (FORCE)")  # type: ignore[call-overload]


@pytest.mark.slow
def test_selected_and_renamed_into_empty(nasty: tuple[Place, MemorySource], target: Place) -> None:
    """The chosen table comes with its types and positions, under its new name; a partition's siblings stay away."""
    _, source = nasty
    want = RestoreRequest(select=('Sch;em"a.Ta ble', "part_1", "b"), rename={"public.b": "b 2"})
    receipt = restore(target, source, want)
    assert "foreign keys" in " ".join(receipt.notes)
    assert rows(target, 'SELECT count(*) FROM "Sch;em""a"."Ta ble"') == [(3000,)]
    assert rows(target, "SELECT id FROM part") == [(1,)]
    assert rows(target, 'SELECT id FROM "b 2" ORDER BY 1') == [(1,), (2,)]
    execute(target, 'INSERT INTO "b 2" (a_id) VALUES (99)')
    assert rows(target, 'SELECT max(id) FROM "b 2"') == [(3,)]
    assert rows(target, "SELECT to_regclass('a'), to_regclass('booked')") == [(None, None)]


@pytest.mark.slow
def test_into_existing_is_undone_on_failure(nasty: tuple[Place, MemorySource], target: Place) -> None:
    """A type the live database lacks fails the restore; the live tables are as before and no new one is left."""
    _, source = nasty
    execute(target, "CREATE TABLE mine (id integer)", "INSERT INTO mine VALUES (1)")
    with pytest.raises(Exception, match="mood"):
        restore(target, source, RestoreRequest(select=("hashed",), into="existing"))
    assert rows(target, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace") == [("mine",)]
    with pytest.raises(Invalid):
        restore(target, source, RestoreRequest(select=("nothing",), into="existing"))
    restore(target, source, RestoreRequest(select=("public.child", "booked"), into="existing"))
    assert rows(target, "SELECT extra FROM child") == [(3,)]
    with pytest.raises(Conflict):
        restore(target, source, RestoreRequest(select=("public.child",), into="existing"))
    assert rows(target, "SELECT extra FROM child") == [(3,)]
    assert rows(target, "SELECT id FROM mine") == [(1,)]
    left = rows(target, "SELECT datname FROM pg_database WHERE datname LIKE '%shape%'")
    assert left == []


def test_many_ranges(pg18: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of several block ranges is the same as one piece, rows and digest."""
    with pg18.fresh("ranges") as place, pg18.fresh("ranges2") as target:
        execute(
            place,
            "CREATE TABLE big (id integer, t text)",
            "INSERT INTO big SELECT n, repeat('x', n % 200) FROM generate_series(1, 20000) n",
            "DELETE FROM big WHERE id % 7 = 0",
        )
        whole = capture(place)
        monkeypatch.setattr("holdfast.engines.postgresql.tables.RANGE_BLOCKS", 50)
        parts = capture(place)
        assert len(parts.manifest.tables[0].entries) > 3
        assert parts.manifest.tables[0].rows == whole.manifest.tables[0].rows
        assert parts.manifest.tables[0].digest == whole.manifest.tables[0].digest
        restore(target, parts)
        verdict = engine.connect(target.endpoint, target.tools).verify(whole.manifest, Level.RESTORED, Stop())
        assert verdict.ok


@pytest.mark.slow
def test_16_goes_into_18(pg16: Cluster, pg18: Cluster) -> None:
    """An older snapshot restores into a newer server and is proven; the other way is refused with a hint."""
    with pg16.fresh("old") as old, pg18.fresh("new") as new:
        execute(old, "CREATE TABLE t (id serial PRIMARY KEY, x float8)", "INSERT INTO t (x) VALUES (0.1), (1e300)")
        source = capture(old)
        restore(new, source)
        verdict = engine.connect(new.endpoint, new.tools).verify(source.manifest, Level.RESTORED, Stop())
        assert verdict.ok, [check for check in verdict.checks if check.ok is False]
        with pytest.raises(Exception, match="cannot go back") as caught:
            restore(old, capture(new))
        assert caught.value.code == "server_version"  # type: ignore[attr-defined]
