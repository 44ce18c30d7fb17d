"""Each engine's RESTORE.md out of a real repository, followed to the letter with stock tools only; every row is there.

Then the same for a snapshot as one file: its own guide, each engine's form under another packing and another sealing.
"""

from __future__ import annotations

import importlib.util
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw
import pyrage
import pytest
from bare import Bare, blocks, stock_tools
from kit import PASSWORD, new_repository
from pg_server import Cluster, execute, user_session
from pg_server import rows as pg_rows
from stock_restic import NEW, OLD, stock
from test_pg_round_trip import LARGE, build_nasty, dump_text
from test_valkey_snapshot import AWKWARD, fill
from valkey_places import Servers, do

from holdfast.catalog import registry
from holdfast.contract.conformance import Place
from holdfast.contract.snapshot import CaptureRequest
from holdfast.contract.spec import Endpoint
from holdfast.engines.postgresql import engine as postgresql
from holdfast.engines.postgresql import link
from holdfast.engines.sqlite import engine as sqlite
from holdfast.engines.valkey import engine as valkey
from holdfast.engines.valkey.link import Link, connect, unix
from holdfast.engines.valkey.spec import ValkeySpec
from holdfast.kernel.stop import Stop
from holdfast.vault.pipeline import WrittenSnapshot, write_snapshot
from holdfast.vault.plain.encoding import encoded, plain_file
from holdfast.vault.plain.guide import guide
from holdfast.vault.plain.wish import FileWish
from holdfast.vault.repository import Repository

pytestmark = pytest.mark.slow
NAMES = ("a\"b'; --", "日本 ü 🎉", "n" * 63, "select", " lead")
VALUES: tuple[Any, ...] = (None, "", "it's", "\\N", "ü\n\t\\.", "x" * 9000)
PHRASE = "a 'pass\" phrase; $x `y` ü"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class Kept:
    """A repository with one snapshot of a database, and what stock restic says its RESTORE.md is."""

    def __init__(self, root: Path, engine: Any, at: Endpoint, tools: Any) -> None:
        self.path, self.out = root / "repo", root / "out"
        self.repo: Repository = new_repository(self.path)
        with engine.connect(at, tools).capture(None, CaptureRequest(digests="always"), Stop()) as captured:
            self.written: WrittenSnapshot = write_snapshot(self.repo, captured, hostname="h", paths=["/x"])
        self.engine = engine

    def document(self, version: int) -> list[str]:
        said = stock(self.path, "dump", self.written.id, "/RESTORE.md", password=PASSWORD, version=version)
        return blocks(said.stdout)

    def given(self, **more: str) -> dict[str, str]:
        return {
            "RESTIC_PASSWORD": PASSWORD,
            "REPOSITORY": str(self.path),
            "SNAPSHOT": self.written.id,
            "OUT": str(self.out),
            **more,
        }

    def as_file(self, target: Path, wish: FileWish) -> list[str]:
        """The snapshot as one file, and the commands of the guide beside it."""
        wish.check()
        with self.repo.source(self.written.id) as source:
            made = plain_file(registry(), self.written.manifest.engine, source, wish, datetime.now(UTC))
            target.write_bytes(b"".join(encoded(made, source, wish, None, Stop())))
        return blocks(guide(target.name, made, wish))


def opened(bare: Bare, commands: list[str], file: Path, target: str, **given: str) -> None:
    first, second = commands
    bare.run(first, FILE=str(file), OUT=f"{file}.opened", **given)
    bare.run(second, FILE=f"{file}.opened", TARGET=target, **given)


# -- SQLite ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Kept, Path]:
    root = tmp_path_factory.mktemp("sqlite")
    file = root / "database.sqlite"
    with closing(apsw.Connection(str(file))) as made:
        made.execute("PRAGMA journal_mode = wal")
        for name in NAMES:
            made.execute(f"CREATE TABLE {quoted(name)} (id INTEGER PRIMARY KEY, {quoted(name + '2')} BLOB, v TEXT)")
            made.executemany(f"INSERT INTO {quoted(name)} VALUES (?, ?, ?)", sqlite_rows())
        made.execute(f"CREATE VIEW seen AS SELECT count(*) AS n FROM {quoted(NAMES[0])}")
        made.execute("CREATE TABLE log (v TEXT)")
        made.execute(
            f"CREATE TRIGGER tell AFTER INSERT ON {quoted(NAMES[0])} BEGIN INSERT INTO log VALUES (new.v); END"
        )
        made.execute("CREATE VIRTUAL TABLE words USING fts5(body)")
        made.execute("INSERT INTO words VALUES ('the quick fox')")
        made.execute("CREATE TABLE strict_one (i INT NOT NULL, d REAL, a ANY) STRICT")
        made.execute("INSERT INTO strict_one VALUES (-9223372036854775808, 0.1, x'00ff')")
    tools = type("NoTools", (), {"scratch": root / "scratch"})()
    tools.scratch.mkdir()
    at = Endpoint(path=file, database="a\"b'; --")
    return Kept(root, sqlite, at, tools), file


def sqlite_rows() -> list[tuple[Any, ...]]:
    return [(number, bytes(range(256)) * number, value) for number, value in enumerate(VALUES)]


def sqlite_all(file: Path) -> dict[str, list[Any]]:
    with closing(apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)) as made:
        names = [name for (name,) in made.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")]
        found = {name: list(made.execute(f"SELECT * FROM {quoted(name)}")) for name in names}
        return found | {"schema": list(made.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2"))}


@pytest.mark.parametrize("version", [OLD, NEW])
def test_a_sqlite_database_comes_back(shop: tuple[Kept, Path], tmp_path: Path, version: int) -> None:
    kept, file = shop
    bare, target = Bare(tmp_path / "bare", version, stock_tools("sqlite3")), tmp_path / 'the "database"; $x.db'
    said = bare.follow(kept.document(version), **kept.given(OUT=str(tmp_path / "out"), TARGET=str(target)))
    assert said[1] == "ok\n"
    assert sqlite_all(target) == sqlite_all(file)
    assert [row[1:] for row in sqlite_all(target)[NAMES[0]]] == [row[1:] for row in sqlite_rows()]
    count = bare.run('sqlite3 "$TARGET" "$Q"', TARGET=str(target), Q=f"select count(*) from {quoted(NAMES[1])}")
    assert count.stdout == f"{len(VALUES)}\n"
    again = bare.run(
        kept.document(version)[-1], check=False, **kept.given(OUT=str(tmp_path / "out"), TARGET=str(target))
    )
    assert again.returncode != 0, "nothing is overwritten"


def test_a_sqlite_file_opens_by_its_guide(shop: tuple[Kept, Path], tmp_path: Path) -> None:
    """zstd and age."""
    kept, file = shop
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "id").write_text(str(identity))
    wish = FileWish(packing="zstd", sealing="age", recipients=(str(identity.to_public()),))
    commands = kept.as_file(tmp_path / "file", wish)
    bare = Bare(tmp_path / "bare", NEW, stock_tools("sqlite3", "age", "zstd"))
    opened(bare, commands, tmp_path / "file", str(tmp_path / "db"), IDENTITY=str(tmp_path / "id"))
    assert sqlite_all(tmp_path / "db") == sqlite_all(file)


# -- PostgreSQL ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nasty(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kept, Place]]:
    with cluster.fresh("na'st\"y ü") as place:
        build_nasty(place)
        for name in NAMES:
            execute(place, f"CREATE TABLE {quoted(name)} (id int PRIMARY KEY, v text, b bytea)")
            with user_session(place.endpoint) as session:
                for number, value in enumerate(VALUES):
                    insert = f"INSERT INTO {quoted(name)} VALUES (%s, %s, %s)"
                    session.execute(insert, (number, value, bytes(range(256))))  # type: ignore[arg-type]
        yield Kept(tmp_path_factory.mktemp("pg"), postgresql, place.endpoint, place.tools), place


@contextmanager
def made_by_hand(place: Place, name: str) -> Iterator[tuple[Place, dict[str, str]]]:
    """The tools' environment for a database that does not exist yet, and the database afterwards."""
    env = link.tool_env(place.endpoint)
    given = {key: env[key] for key in ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD") if key in env} | {"PGDATABASE": name}
    try:
        yield Place(name, replace(place.endpoint, database=name), place.tools), given
    finally:
        with user_session(place.endpoint, "admin", autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE)")  # type: ignore[call-overload]


def same(there: Place, kept: Kept, place: Place) -> None:
    """Schema word for word, rows by digest and by eye, sequences, large objects, triggers that fire."""
    assert dump_text(there) == dump_text(place)
    found = postgresql.connect(there.endpoint, there.tools).digests((), Stop())  # type: ignore[attr-defined]
    assert found == {f"{t.schema}.{t.name}": (t.rows, t.digest) for t in kept.written.manifest.tables}
    for name in NAMES:
        assert pg_rows(there, f"SELECT v FROM {quoted(name)} ORDER BY id") == [(v,) for v in VALUES]
    for asked in (LARGE, "SELECT last_value, is_called FROM lonely", "SELECT n FROM mv", "SELECT * FROM v"):
        assert pg_rows(there, asked) == pg_rows(place, asked)


def test_a_postgresql_database_comes_back(nasty: tuple[Kept, Place], cluster: Cluster, tmp_path: Path) -> None:
    kept, place = nasty
    version = NEW if cluster.spec.version == "18" else OLD
    bare = Bare(tmp_path / "bare", version, stock_tools("psql", "pg_restore", "createdb", folder=cluster.tools.bin))
    with made_by_hand(place, 'by "hand"; \\ \'q') as (there, given):
        bare.follow(kept.document(version), **kept.given(OUT=str(tmp_path / "out"), **given))
        same(there, kept, place)
        counted = bare.run('psql -XAt -c "$Q"', Q=f"select count(*) from {quoted(NAMES[0])}", **given)
        assert counted.stdout == f"{len(VALUES)}\n"


def test_a_postgresql_archive_opens_by_its_guide(nasty: tuple[Kept, Place], cluster: Cluster, tmp_path: Path) -> None:
    """gzip and AES-256; without owners, as its guide says, so rows are what is compared."""
    kept, place = nasty
    wish = FileWish(packing="gzip", sealing="aes256", passphrase=PHRASE)
    commands = kept.as_file(tmp_path / "file", wish)
    tools = stock_tools("psql", "pg_restore", "createdb", folder=cluster.tools.bin)
    bare = Bare(tmp_path / "bare", OLD, tools | stock_tools("openssl", "gzip"))
    with made_by_hand(place, "from_a_file") as (there, given):
        bare.run('createdb -T template0 -E UTF8 "$PGDATABASE"', **given)
        opened(bare, commands, tmp_path / "file", "dbname=from_a_file", PASSPHRASE=PHRASE, **given)
        found = postgresql.connect(there.endpoint, there.tools).digests((), Stop())  # type: ignore[attr-defined]
        assert found == {f"{t.schema}.{t.name}": (t.rows, t.digest) for t in kept.written.manifest.tables}


# -- Valkey ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cache(valkeys: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kept, Place]]:
    with valkeys.fresh("cache") as place:
        fill(place)
        for name in NAMES:
            do(place, "SET", name, name, "EX", 5000)
        do(place, "SET", "far", "away", db=40)
        yield Kept(tmp_path_factory.mktemp("valkey"), valkey, place.endpoint, place.tools), place


@contextmanager
def started(bare: Bare, block: str, config: Path, target: Path, socket: Path) -> Iterator[None]:
    """The block that starts a server, until it answers."""
    argv = [str(bare.path / "sh"), "-eu", "-c", f"exec {block}"]
    child = subprocess.Popen(
        argv, env=bare.environ | {"CONFIG": str(config), "TARGET": str(target)}, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 60
        while "PONG" not in bare.run('redis-cli -s "$S" ping', check=False, S=str(socket)).stdout:
            assert child.poll() is None
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.05)
        yield
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()


def valkey_tools() -> dict[str, str]:
    """Valkey's server, which is its checker by another name too; the client is Debian's for Redis."""
    wanted = valkey.software(ValkeySpec())
    assert wanted is not None
    assert wanted.package is not None
    spec = importlib.util.find_spec(wanted.package)
    assert spec is not None
    assert spec.origin is not None
    server = Path(spec.origin).parent / wanted.subdir / "valkey-server"
    return {"valkey-server": str(server), "valkey-check-rdb": str(server), **stock_tools("redis-cli")}


def test_a_valkey_database_comes_back(cache: tuple[Kept, Place], tmp_path: Path) -> None:
    kept, place = cache
    bare, data = Bare(tmp_path / "bare", OLD, valkey_tools()), tmp_path / "data"
    socket, config = tmp_path / "s", tmp_path / "valkey.conf"
    data.mkdir()
    config.write_text(f'port 0\nunixsocket "{socket}"\nsave ""\n')
    commands = kept.document(OLD)
    given = kept.given(OUT=str(tmp_path / "out"), TARGET=str(data))
    bare.follow(commands[:-1], **given)
    assert bare.run(commands[-2], check=False, **given).returncode != 0, "nothing is overwritten"
    with started(bare, commands[-1], config, data, socket):
        ours_again(socket, place)
        said = bare.run('redis-cli -s "$S" --no-raw config set appendonly yes', S=str(socket))
        assert said.stdout.strip() == "OK"


def test_a_valkey_file_opens_by_its_guide(cache: tuple[Kept, Place], tmp_path: Path) -> None:
    """bzip2 and a passphrase of gpg's, which asks nobody here."""
    kept, place = cache
    commands = kept.as_file(tmp_path / "file", FileWish(packing="bzip2", sealing="gpg", passphrase=PHRASE))
    bare = Bare(tmp_path / "bare", NEW, valkey_tools() | stock_tools("gpg", "gpg-agent", "bzip2"))
    home = Path(tempfile.mkdtemp(prefix="hfgpg"))
    (home / "phrase").write_text(PHRASE)
    (home / "gpg.conf").write_text(f"batch\nno-tty\nquiet\npinentry-mode loopback\npassphrase-file {home}/phrase\n")
    try:
        opened(bare, commands, tmp_path / "file", str(tmp_path / "data"), GNUPGHOME=str(home))
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "gpg-agent"], check=True)  # noqa: S607
        shutil.rmtree(home)
    socket, config = tmp_path / "s", tmp_path / "valkey.conf"
    config.write_text(f'port 0\nunixsocket "{socket}"\nsave ""\n')
    with started(bare, kept.document(NEW)[-1], config, tmp_path / "data", socket):
        ours_again(socket, place)


def ours_again(socket: Path, place: Place) -> None:
    """Every key of every database: its type, all that is in it, its expiry to the millisecond."""
    with unix(socket) as sock, connect(place.endpoint) as here:
        there = Link(sock)
        there.command("HELLO", 3)
        found, kept = everything(there), everything(here)
    assert found == kept
    assert {kind for kind, _, _ in kept.values()} == set(READS)
    assert kept[0, AWKWARD][1]
    assert {(0, name.encode()) for name in NAMES} <= set(kept)
    assert (40, b"far") in kept


READS: dict[str, Callable[[Link, bytes], Any]] = {
    "string": lambda link, key: link.command("GET", key),
    "list": lambda link, key: link.command("LRANGE", key, 0, -1),
    "set": lambda link, key: sorted(link.command("SMEMBERS", key)),
    "hash": lambda link, key: sorted(batched(link.command("HGETALL", key), 2)),
    "zset": lambda link, key: link.command("ZRANGE", key, 0, -1, "WITHSCORES"),
    "stream": lambda link, key: (link.command("XRANGE", key, "-", "+"), link.command("XINFO", "GROUPS", key)),
}


def everything(link: Link) -> dict[tuple[int, bytes], tuple[str, Any, int]]:
    found = {}
    for number in range(64):
        link.command("SELECT", number)
        for key in link.command("KEYS", "*"):
            kind = link.command("TYPE", key)
            found[number, key] = (kind, READS[kind](link, key), link.command("PEXPIRETIME", key))
    return found


def batched(flat: Any, count: int) -> list[tuple[Any, ...]]:
    """Of a flat answer, or of one in pairs already."""
    if flat and isinstance(flat[0], list):
        return [tuple(each) for each in flat]
    return list(zip(*[iter(flat)] * count, strict=True))
