"""The DB-API shim and the dialect, where SQLAlchemy's suite does not look."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import apsw
import pytest
import sqlalchemy as sa

from holdfast.kernel.db import dbapi, dialect


@pytest.fixture
def engine(tmp_path: Path):
    dialect.register()
    made = sa.create_engine(f"sqlite+apsw:///{tmp_path}/x.db")
    with made.begin() as conn:
        conn.exec_driver_sql("PRAGMA journal_mode=WAL")
        conn.exec_driver_sql("PRAGMA foreign_keys=ON")
        conn.exec_driver_sql("CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL)")
        conn.exec_driver_sql("CREATE TABLE child (id INTEGER PRIMARY KEY, p INTEGER REFERENCES parent(id))")
    yield made
    made.dispose()


def test_rowcount_is_what_the_statement_changed(engine: sa.Engine) -> None:
    with engine.begin() as conn:
        assert conn.exec_driver_sql("INSERT INTO parent(name) VALUES ('a'), ('b'), ('c')").rowcount == 3
        assert conn.exec_driver_sql("UPDATE parent SET name = name || '1' WHERE id > 1").rowcount == 2
        assert conn.exec_driver_sql("UPDATE parent SET name = 'x' WHERE id > 99").rowcount == 0
        assert conn.exec_driver_sql("WITH w AS (SELECT 1 AS i) DELETE FROM parent WHERE id IN w").rowcount == 1
        many = [(f"m{i}",) for i in range(5)]
        assert conn.exec_driver_sql("INSERT INTO parent(name) VALUES (?)", many).rowcount == 5


def test_returning_gives_rows_and_completes_the_statement(engine: sa.Engine) -> None:
    with engine.begin() as conn:
        rows = conn.exec_driver_sql("INSERT INTO parent(name) VALUES ('a'), ('b') RETURNING id, name")
        assert rows.fetchone() == (1, "a")
    with engine.connect() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM parent").scalar() == 2


def test_an_empty_select_still_has_its_columns(engine: sa.Engine) -> None:
    with engine.connect() as conn:
        assert list(conn.exec_driver_sql("SELECT id, name AS who FROM parent WHERE 0").keys()) == ["id", "who"]


def test_a_savepoint_is_undone_alone_and_never_commits_the_rest(engine: sa.Engine) -> None:
    with engine.connect() as conn:
        with conn.begin_nested():
            conn.exec_driver_sql("INSERT INTO parent(name) VALUES ('kept?')")
        conn.rollback()
        assert conn.exec_driver_sql("SELECT count(*) FROM parent").scalar() == 0
    with engine.begin() as conn:
        conn.exec_driver_sql("INSERT INTO parent(name) VALUES ('a')")
        inner = conn.begin_nested()
        conn.exec_driver_sql("INSERT INTO parent(name) VALUES ('b')")
        inner.rollback()
    with engine.connect() as conn:
        assert conn.exec_driver_sql("SELECT group_concat(name) FROM parent").scalar() == "a"


@pytest.mark.parametrize(
    ("statement", "kind", "text"),
    [
        (
            "INSERT INTO parent(id, name) VALUES (2, 'a')",
            sa.exc.IntegrityError,
            "UNIQUE constraint failed: parent.name",
        ),
        ("INSERT INTO parent(name) VALUES (NULL)", sa.exc.IntegrityError, "NOT NULL constraint failed: parent.name"),
        ("INSERT INTO child(p) VALUES (99)", sa.exc.IntegrityError, "FOREIGN KEY constraint failed"),
        ("SELECT x FROM nowhere", sa.exc.OperationalError, "no such table: nowhere"),
        ("SELEC", sa.exc.OperationalError, "syntax error"),
    ],
)
def test_errors_have_their_class_and_sqlites_own_text(engine: sa.Engine, statement, kind, text) -> None:
    with engine.begin() as conn:
        conn.exec_driver_sql("INSERT INTO parent(name) VALUES ('a')")
    with engine.connect() as conn, pytest.raises(kind, match=text):
        conn.exec_driver_sql(statement)


def test_a_wrong_number_of_values_is_a_programming_error(tmp_path: Path) -> None:
    conn = dbapi.connect(str(tmp_path / "p.db"))
    with pytest.raises(dbapi.ProgrammingError, match="bindings"):
        conn.execute("SELECT ?, ?", (1,))
    conn.close()
    with pytest.raises(dbapi.ProgrammingError, match="closed database"):
        conn.execute("SELECT 1")


def test_a_file_that_is_no_database_is_a_database_error(tmp_path: Path) -> None:
    (tmp_path / "junk.db").write_bytes(b"not a database at all, not at all" * 100)
    conn = dbapi.connect(str(tmp_path / "junk.db"))
    with pytest.raises(dbapi.DatabaseError, match="not a database"):
        conn.execute("SELECT * FROM sqlite_schema")
    conn.close()


def test_ddl_is_part_of_the_transaction(engine: sa.Engine) -> None:
    with engine.connect() as conn:
        conn.exec_driver_sql("CREATE TABLE gone (a)")
        conn.exec_driver_sql("INSERT INTO gone VALUES (1)")
        conn.rollback()
        assert not sa.inspect(conn).has_table("gone")


def test_threads_that_read_and_then_write_never_find_the_database_locked(engine: sa.Engine) -> None:
    """With a deferred transaction the second of two such threads would fail at its first write."""
    with engine.begin() as conn:
        conn.exec_driver_sql("INSERT INTO parent(name) VALUES ('0')")
    errors: list[BaseException] = []

    def add() -> None:
        try:
            for _ in range(25):
                with engine.begin() as conn:
                    conn.exec_driver_sql("SELECT 1 FROM parent")
                    conn.exec_driver_sql("UPDATE parent SET name = CAST(name AS INTEGER) + 1")
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=add) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with engine.connect() as conn:
        assert conn.exec_driver_sql("SELECT name FROM parent").scalar() == "150"


def test_a_thread_that_already_writes_is_told_at_once_instead_of_waiting_for_itself(engine: sa.Engine) -> None:
    with engine.begin() as conn:
        conn.exec_driver_sql("INSERT INTO parent(name) VALUES ('a')")
        started = time.monotonic()
        with engine.connect() as other, pytest.raises(sa.exc.OperationalError, match="already writes"):
            other.exec_driver_sql("INSERT INTO parent(name) VALUES ('b')")
        assert time.monotonic() - started < 10


def test_the_turn_is_given_back_after_an_error(engine: sa.Engine) -> None:
    with engine.connect() as conn:
        with pytest.raises(sa.exc.OperationalError):
            conn.exec_driver_sql("INSERT INTO nowhere VALUES (1)")
        with pytest.raises(sa.exc.IntegrityError):
            conn.exec_driver_sql("INSERT INTO child(p) VALUES (5)")
    done = []

    def write() -> None:
        with engine.begin() as conn:
            done.append(conn.exec_driver_sql("INSERT INTO parent(name) VALUES ('z')").rowcount)

    thread = threading.Thread(target=write)
    thread.start()
    thread.join(5)
    assert done == [1]


def test_two_processes_write_in_turn(engine: sa.Engine, tmp_path: Path) -> None:
    code = (
        "import sys, sqlalchemy as sa\n"
        "from holdfast.kernel.db import Database\n"
        "db = Database(sys.argv[1])\n"
        "for i in range(60):\n"
        "    with db.write() as c: c.exec_driver_sql('INSERT INTO child(p) VALUES (NULL)')\n"
    )
    url = str(engine.url)
    children = [subprocess.Popen([sys.executable, "-c", code, url]) for _ in range(2)]
    assert [child.wait(60) for child in children] == [0, 0]
    with engine.connect() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM child").scalar() == 120


def test_a_connection_from_before_fork_is_refused_in_the_child(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from holdfast.kernel.db import dbapi\n"
        "conn = dbapi.connect(sys.argv[1])\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    try: conn.execute('SELECT 1')\n"
        "    except dbapi.ProgrammingError: os._exit(7)\n"
        "    os._exit(0)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "f.db")], check=False).returncode == 7


def test_the_library_is_new_enough_not_to_corrupt_a_wal_database() -> None:
    assert tuple(map(int, apsw.sqlite_lib_version().split("."))) >= (3, 51, 3)
    assert os.path.basename(apsw.__file__)
