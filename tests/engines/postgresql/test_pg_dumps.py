"""Dumps of pg_dump that are taken in: custom archives and SQL, hostile, from a newer server, cut off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from endless import stopped_by_cancel, stopped_by_disk
from pg_server import Cluster

from holdfast.contract.conformance import Place
from holdfast.contract.dumps import Dump
from holdfast.contract.snapshot import Receipt
from holdfast.engines.postgresql import engine, link
from holdfast.engines.postgresql.spec import PostgresqlSpec
from holdfast.kernel.errors import HoldfastError, Invalid
from holdfast.kernel.stop import Stop

SPEC = PostgresqlSpec(version="18")
AWKWARD = "a\"b'; --ü" + "n" * 40


def pieces(content: bytes, size: int = 10_007) -> Iterator[bytes]:
    return iter([content[at : at + size] for at in range(0, len(content), size)])


def take_in(at: Place, content: bytes, size: int = 10_007) -> Receipt:
    dump = engine.recognised(content[:65536], SPEC)
    assert isinstance(dump, Dump)
    return engine.take_in(at.endpoint, at.tools, dump, pieces(content, size), Stop())


def refused(code: str, at: Place, content: bytes) -> HoldfastError:
    with pytest.raises(HoldfastError) as caught:
        take_in(at, content)
    assert caught.value.code == code, caught.value.as_dict()
    return caught.value


def rows(at: Place, statement: str) -> list[tuple[object, ...]]:
    with link.connect(at.endpoint) as connection:
        return connection.execute(link.statement(statement)).fetchall()


@pytest.fixture
def source(pg18: Cluster) -> Iterator[Place]:
    name, stranger = quoted(AWKWARD), quoted("stranger of imports")
    shape = f"id bigint PRIMARY KEY, {name} text, twice bigint GENERATED ALWAYS AS (id * 2) STORED"
    with pg18.fresh("dumped") as made, link.connect(made.endpoint) as admin:
        for text in (
            "SET search_path = public",
            f"CREATE SCHEMA {name}",
            f"CREATE TABLE {name}.{name} ({shape})",
            f"INSERT INTO {name}.{name} SELECT i, repeat(chr(92) || '.' || chr(10) || 'x', 3) || i "
            "FROM generate_series(1, 5000) i",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END",
            "CREATE VIEW v AS SELECT f()",
            "COMMENT ON VIEW v IS 'a; b -- c'",
            "SELECT lo_from_bytea(0, 'large'::bytea)",
            f"CREATE ROLE {stranger} NOLOGIN",
            f"ALTER VIEW v OWNER TO {stranger}",
            f"GRANT SELECT ON v TO {stranger}",
        ):
            admin.execute(link.statement(text))
        yield made
        admin.execute(link.statement(f"DROP OWNED BY {stranger}"))
        admin.execute(link.statement(f"DROP ROLE {stranger}"))


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def dumped(at: Place, *options: str) -> bytes:
    known = link.parameters(at.endpoint, "admin")
    words = {key: known[key] for key in ("host", "port", "user", "password", "dbname") if known.get(key)}
    return at.tools.output(["pg_dump", *options, "-d", psycopg.conninfo.make_conninfo(**words)])


COUNT = f"SELECT count(*), sum(twice), min({quoted(AWKWARD)}) FROM {quoted(AWKWARD)}.{quoted(AWKWARD)}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [("-Fc",), ("-Fc", "-Z0", "--clean"), ("--clean",), ("--clean", "--if-exists", "--inserts")]
)
def test_what_pg_dump_makes_comes_in_whole(source: Place, place: Place, options: tuple[str, ...]) -> None:
    """Owners, grants and drops of what is not there are told, and do no harm."""
    receipt = take_in(place, dumped(source, *options), 1 << 20)
    assert rows(place, COUNT) == rows(source, COUNT)
    assert rows(place, "SELECT public.f(), (SELECT count(*) FROM pg_largeobject)") == [(2, 1)]
    assert rows(place, "SELECT rolname FROM pg_class c JOIN pg_roles r ON r.oid = relowner WHERE relname = 'v'") == [
        (place.endpoint.roles["owner"].user,)
    ]
    assert "owners, grants" in receipt.notes[0]
    assert any("drop what is not there" in note for note in receipt.notes) == (options == ("--clean",))


def test_a_dump_that_is_cut_off_is_no_dump(source: Place, place: Place) -> None:
    for options, code in ((("-Fc",), "dump_unreadable"), (("--inserts",), None), ((), "script_invalid")):
        whole = dumped(source, *options)
        if code is not None:
            refused(code, place, whole[: len(whole) * 2 // 3])
    archive = dumped(source, "-Fc")
    for size in (20, 200, 2000):
        with pytest.raises(Invalid):
            take_in(place, archive[:size])
    assert rows(place, "SELECT count(*) FROM pg_class WHERE relname = 'v'") == [(0,)]


HOSTILE = {
    "\\! touch /tmp/holdfast-was-here": "client_command",
    "SELECT 1 \\g /tmp/holdfast-was-here": "client_command",
    "\\connect postgres": "client_command",
    "\\i /etc/passwd": "client_command",
    "COPY t FROM PROGRAM 'touch /tmp/holdfast-was-here';": "script_invalid",
    "COPY t FROM '/etc/passwd';": "script_invalid",
    "COPY t TO '/tmp/holdfast-was-here';": "script_invalid",
    "SELECT pg_read_file('/etc/passwd');": "script_invalid",
    "SELECT lo_import('/etc/passwd');": "script_invalid",
    "CREATE EXTENSION adminpack;": "script_invalid",
    "CREATE FUNCTION c() RETURNS int LANGUAGE c AS '/tmp/x', 'y';": "script_invalid",
    "CREATE ROLE me SUPERUSER;": "script_invalid",
    "ALTER SYSTEM SET archive_command = 'x';": "script_invalid",
    "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1' PUBLICATION p;": "script_invalid",
    "COMMIT; DROP TABLE t;": None,
    "ROLLBACK;": "script_invalid",
}


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_dump_reaches_nothing_beyond_its_database(place: Place, text: str) -> None:
    code = HOSTILE[text]
    script = f"-- Dumped from database version 18.0\nCREATE TABLE t (x text);\n{text.replace(chr(92) * 2, chr(92))}\n"
    if code is not None:
        error = refused(code, place, script.encode())
        assert error.details["line"] == 3
        assert rows(place, "SELECT count(*) FROM pg_class WHERE relname = 't'") == [(0,)], "nothing of it stays"
    else:
        take_in(place, script.encode())
    assert not Path("/tmp/holdfast-was-here").exists()


def test_what_is_newer_or_not_ours_is_told(source: Place, place: Place) -> None:
    for options in (("-Fc",), ()):
        with pytest.raises(Invalid) as caught:
            engine.recognised(dumped(source, *options)[:65536], PostgresqlSpec(version="16"))
        assert caught.value.code == "dump_newer"
    archive = bytearray(dumped(source, "-Fc"))
    archive[6] = 99
    assert refused("dump_newer", place, bytes(archive)).hint
    with pytest.raises(Invalid) as caught:
        engine.recognised(b"--\n-- PostgreSQL database cluster dump\n--\nCREATE ROLE x;", SPEC)
    assert caught.value.code == "dump_unsupported"
    for other in (b"SQLite format 3\0", b"PRAGMA foreign_keys=OFF;\n", b"-- MySQL dump 10\n", b"REDIS0011", b""):
        assert engine.recognised(other, SPEC) is None


def test_a_stop_ends_a_dump_in_the_middle(place: Place) -> None:
    stop = Stop()

    def endless() -> Iterator[bytes]:
        yield b"SET x = 1;"[:0] + b"CREATE TABLE t (x int);\nCOPY t FROM stdin;\n"
        for _ in range(50):
            yield b"1\n" * 1000
        stop.stop("cancel requested")
        while True:
            yield b"1\n" * 1000

    with pytest.raises(HoldfastError) as caught:
        engine.take_in(place.endpoint, place.tools, Dump("sql", "SQL"), endless(), stop)
    assert caught.value.code == "cancelled"
    assert rows(place, "SELECT count(*) FROM pg_class WHERE relname = 't'") == [(0,)]


@pytest.mark.slow
@pytest.mark.parametrize("stopped", [stopped_by_disk, stopped_by_cancel])
def test_a_statement_without_end_is_stopped(pg18: Cluster, stopped: Callable[..., None]) -> None:
    fill = b"INSERT INTO t SELECT generate_series(1, 1000000000000);\n"
    text = b"-- PostgreSQL database dump\nCREATE TABLE t (x bigint);\n" + fill
    with pg18.fresh("endless") as at:
        stopped(engine, at, SPEC, text)
