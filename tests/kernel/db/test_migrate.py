"""Migrations: all or nothing, with a copy before."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from holdfast.kernel.db import Database
from holdfast.kernel.errors import Corrupt, NeedsOperator

REVISION = """
import sqlalchemy as sa
from alembic import op
revision = {revision!r}
down_revision = {down!r}
def upgrade():
    {body}
"""


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    (tmp_path / "scripts" / "versions").mkdir(parents=True)
    add(tmp_path / "scripts", "one", None, "op.create_table('a', sa.Column('id', sa.Integer, primary_key=True))")
    return tmp_path / "scripts"


def add(scripts: Path, revision: str, down: str | None, body: str) -> None:
    (scripts / "versions" / f"{revision}.py").write_text(REVISION.format(revision=revision, down=down, body=body))


def state(db: Database) -> tuple[set[str], list[str]]:
    with db.read() as conn:
        tables = set(sa.inspect(conn).get_table_names())
        versions = list(conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalars())
    return tables - {"alembic_version"}, versions


@pytest.fixture
def db(tmp_path: Path):
    made = Database(f"sqlite+apsw:///{tmp_path}/holdfast.db")
    yield made
    made.close()


def test_a_new_database_needs_no_copy_and_a_second_call_does_nothing(db: Database, scripts: Path) -> None:
    assert db.migrate(scripts) is None
    assert state(db) == ({"a"}, ["one"])
    assert db.migrate(scripts) is None


def test_a_copy_of_the_old_state_is_kept(db: Database, scripts: Path, tmp_path: Path) -> None:
    db.migrate(scripts)
    with db.write() as conn:
        conn.exec_driver_sql("INSERT INTO a VALUES (7)")
    add(scripts, "two", "one", "op.execute('DELETE FROM a'); op.add_column('a', sa.Column('b', sa.Text))")
    copy = db.migrate(scripts)
    assert copy == tmp_path / "holdfast.db.before-one"
    assert state(db)[1] == ["two"]
    old = Database(f"sqlite+apsw:///{copy}")
    with old.read() as conn:
        assert conn.exec_driver_sql("SELECT * FROM a").all() == [(7,)]
    assert state(old)[1] == ["one"]
    old.close()


def test_a_failing_migration_changes_nothing(db: Database, scripts: Path) -> None:
    db.migrate(scripts)
    body = "op.create_table('b', sa.Column('id', sa.Integer)); op.execute('INSERT INTO nowhere VALUES (1)')"
    add(scripts, "two", "one", body)
    with pytest.raises(sa.exc.OperationalError, match="nowhere"):
        db.migrate(scripts)
    assert state(db) == ({"a"}, ["one"])


def test_rebuilding_a_parent_keeps_its_children_and_a_broken_reference_is_refused(db: Database, scripts: Path) -> None:
    db.migrate(scripts)
    with db.write() as conn:
        conn.exec_driver_sql("CREATE TABLE child (p INTEGER REFERENCES a(id) ON DELETE CASCADE)")
        conn.exec_driver_sql("INSERT INTO a VALUES (1)")
        conn.exec_driver_sql("INSERT INTO child VALUES (1)")
    rebuild = "\n    with op.batch_alter_table('a', recreate='always') as b: b.add_column(sa.Column('n', sa.Text))"
    add(scripts, "two", "one", rebuild)
    db.migrate(scripts)
    with db.write() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM child").scalar() == 1
        assert conn.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    add(scripts, "three", "two", "op.execute('DELETE FROM a')")
    with pytest.raises(Corrupt, match="child"):
        db.migrate(scripts)
    assert state(db)[1] == ["two"]


def test_a_database_newer_than_the_program_is_left_alone(db: Database, scripts: Path, tmp_path: Path) -> None:
    add(scripts, "two", "one", "pass")
    db.migrate(scripts)
    (scripts / "versions" / "two.py").unlink()
    with pytest.raises(NeedsOperator, match="does not know") as raised:
        db.migrate(scripts)
    assert raised.value.code == "schema_too_new"


@pytest.mark.faults
def test_killed_before_the_commit_it_is_wholly_old_and_the_next_start_finishes(
    db: Database, scripts: Path, tmp_path: Path
) -> None:
    db.migrate(scripts)
    add(scripts, "two", "one", "op.create_table('b', sa.Column('id', sa.Integer))")
    code = "import sys; from pathlib import Path; from holdfast.kernel.db import Database; "
    code += "Database(sys.argv[1]).migrate(Path(sys.argv[2]))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(db.url), str(scripts)],
        env={**os.environ, "HOLDFAST_CRASH_AT": "migrate.before_commit"},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert state(db) == ({"a"}, ["one"])
    db.migrate(scripts)
    assert state(db) == ({"a", "b"}, ["two"])
