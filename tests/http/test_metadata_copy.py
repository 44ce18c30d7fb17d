"""`holdfast metadata copy`: between a file and PostgreSQL, with a row in every list."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import metadata_home
import pytest
import sqlalchemy as sa
from inside import Inside, inside
from inside_rows import NOW
from typer.testing import CliRunner

from holdfast.cli import app
from holdfast.features.audit.sequencer import Sequencer
from holdfast.features.databases.model import resources
from holdfast.features.projects.model import projects
from holdfast.kernel import audit_verify
from holdfast.kernel.audit_keys import seal_rows
from holdfast.kernel.db import Database, metadata
from holdfast.kernel.db import copy as copying
from holdfast.kernel.errors import Conflict, Corrupt, HoldfastError, Invalid, NeedsOperator
from holdfast.kernel.master_source import source_of
from holdfast.kernel.secrets import Secrets, master_key_of

pytestmark = pytest.mark.xdist_group("metadata-copy")
EDGES = {
    "text": "ä\N{SNOWMAN} '\" \\ %s \N{GRINNING FACE}",
    "numbers": [0, 1.0, 1.5, -0.1, 1e20, 2**53, True, None],
    "empty": {"": [], "a": {}},
}


@pytest.fixture(scope="module")
def here() -> Iterator[Inside]:
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setattr(metadata_home, "POSTGRESQL", False)  # the way back begins on PostgreSQL whatever the run is on
        made = stack.enter_context(inside())
        made.more_lines(2 * copying.BATCH)
        with made.services.db.write() as conn:
            conn.execute(resources.update().values(labels=EDGES))
        made.services.parts[Sequencer].catch_up()
        yield made


@pytest.fixture
def source(here: Inside) -> Iterator[Database]:
    db = Database(here.settings.metadata_url)
    yield db
    db.close()


@pytest.fixture(params=["file", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite+apsw:///{tmp_path}/m.db" if request.param == "file" else metadata_home.on_postgresql()
    db = Database(url)
    yield db
    db.close()


def contents(db: Database) -> dict[str, list[tuple[object, ...]]]:
    with db.read() as conn:
        return {
            table.name: sorted((tuple(row) for row in conn.execute(sa.select(table))), key=repr)
            for table in metadata.sorted_tables
        }


def rows(db: Database) -> int:
    return sum(map(len, contents(db).values()))


def fresh_file(tmp_path: Path) -> Database:
    return Database(f"sqlite+apsw:///{tmp_path}/back.db")


def test_there_and_back_is_the_same(source: Database, target: Database, tmp_path: Path) -> None:
    heard: list[tuple[str, int]] = []
    there = copying.copy_metadata(source, target, lambda table, count: heard.append((table, count)))
    target.close()
    back = fresh_file(tmp_path)
    again = copying.copy_metadata(target, back)
    assert there == again
    assert contents(source) == contents(back)
    filled = {each.name for each in there if each.rows}
    assert {"resources", "snapshots", "runs", "run_logs", "audit_events", "secrets", "users"} <= filled
    assert ("run_logs", 2 * copying.BATCH) in heard  # more than one batch
    with back.read() as conn:
        assert conn.execute(sa.select(resources.c.labels)).scalars().first() == EDGES
    back.close()


def test_the_audit_chain_and_the_secrets_open_with_the_same_key(
    here: Inside, source: Database, target: Database
) -> None:
    copying.copy_metadata(source, target)
    secrets = Secrets(target, master_key_of(target, source_of(here.settings)))
    secrets.check()
    seal = seal_rows(target, secrets, lambda: None)
    with target.read() as conn:
        found = audit_verify.verify(conn, seal)
    assert found.ok, found
    assert found.rows >= 2


def test_numbers_go_on_after_the_copied_ones(source: Database) -> None:
    new = Database(metadata_home.on_postgresql())
    copying.copy_metadata(source, new)
    counted = [t for t in metadata.sorted_tables if t.autoincrement_column is not None]
    checked = 0
    with new.write() as conn:
        for table in counted:
            column = table.autoincrement_column
            name = conn.execute(sa.select(sa.func.pg_get_serial_sequence(table.name, column.name))).scalar()
            highest = conn.execute(sa.select(sa.func.max(column))).scalar()
            if name and highest:
                assert conn.execute(sa.select(sa.func.nextval(name))).scalar() == highest + 1
                checked += 1
    new.close()
    assert checked


def test_a_target_with_rows_is_left_as_it_is(source: Database, target: Database) -> None:
    copying.copy_metadata(source, target)
    before = contents(target)
    with pytest.raises(Conflict) as raised:
        copying.copy_metadata(source, target)
    assert raised.value.code == "metadata_not_empty"
    assert contents(target) == before


def test_a_target_of_somebody_else_gets_no_tables(source: Database, target: Database) -> None:
    with target.write() as conn:
        conn.exec_driver_sql("CREATE TABLE theirs (id integer)")
    with pytest.raises(Conflict, match="theirs"):
        copying.copy_metadata(source, target)
    with target.read() as conn:
        assert sa.inspect(conn).get_table_names() == ["theirs"]


def test_a_source_of_another_version_is_refused(target: Database, tmp_path: Path) -> None:
    empty = fresh_file(tmp_path)
    with pytest.raises(NeedsOperator, match="schema"):
        copying.copy_metadata(empty, target)
    empty.close()


def test_what_is_read_back_otherwise_is_not_kept(source: Database, target: Database) -> None:
    """A target that changes what is stored, as a trigger of an operator would."""
    target.migrate()
    with target.write() as conn:
        if target.embedded:
            conn.exec_driver_sql(
                "CREATE TRIGGER t AFTER INSERT ON projects BEGIN UPDATE projects SET name = name || 'x'; END"
            )
        else:
            conn.exec_driver_sql(
                "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS"
                " $$BEGIN NEW.name := NEW.name || 'x'; RETURN NEW; END$$"
            )
            conn.exec_driver_sql("CREATE TRIGGER t BEFORE INSERT ON projects FOR EACH ROW EXECUTE FUNCTION f()")
    with pytest.raises(Corrupt, match="projects"):
        copying.copy_metadata(source, target)
    assert rows(target) == 0


def test_a_row_postgresql_cannot_hold_is_named(tmp_path: Path) -> None:
    """A file takes longer text than its column says."""
    old = fresh_file(tmp_path)
    old.migrate()
    with old.write() as conn:
        conn.execute(projects.insert().values(**project_row("x" * 5000)))
    new = Database(metadata_home.on_postgresql())
    with pytest.raises(Invalid, match="projects") as raised:
        copying.copy_metadata(old, new)
    assert raised.value.code == "metadata_not_portable"
    assert rows(new) == 0
    old.close()
    new.close()


def project_row(name: str) -> dict[str, object]:
    known: dict[str, object] = {"id": "prj_1", "name": name, "created_at": NOW, "updated_at": NOW}
    missing = {column.key for column in projects.c if not column.nullable} - set(known)
    return {key: value for key, value in known.items() if key in projects.c} | dict.fromkeys(missing, "")


def test_other_sessions_on_a_postgresql_source_are_refused(tmp_path: Path) -> None:
    old, new = Database(metadata_home.on_postgresql()), fresh_file(tmp_path)
    old.migrate()
    with sa.create_engine(old.url).connect() as other:
        other.exec_driver_sql("SELECT 1")
        with pytest.raises(Conflict) as raised:
            copying.copy_metadata(old, new)
    assert raised.value.code == "metadata_in_use"
    old.close()
    new.close()


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://x/y", "postgresql://x/y", "sqlite+apsw:///relative.db"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(Invalid):
        copying.file_of(url)


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize("moment", ["half", "before_commit"])
def test_a_crash_leaves_the_target_empty(source: Database, target: Database, moment: str, tmp_path: Path) -> None:
    line = command(source, target)
    environ = os.environ | {"HOLDFAST_CRASH_AT": f"metadata_copy.{moment}", "HOLDFAST_DATA": str(tmp_path / "none")}
    died = subprocess.run([sys.executable, "-m", "holdfast.cli", *line], env=environ, capture_output=True, check=False)
    assert died.returncode == -9, died.stderr
    assert rows(target) == 0
    copying.copy_metadata(source, target)
    assert contents(target) == contents(source)


def command(source: Database, target: Database) -> list[str]:
    urls = [db.url.render_as_string(hide_password=False) for db in (source, target)]
    source.close()
    return ["metadata", "copy", "--from", urls[0], "--to", urls[1]]


def test_the_command_copies_and_says_what(source: Database, target: Database, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["--data", str(tmp_path / "none"), *command(source, target)])
    assert result.exit_code == 0, result.output
    assert f"{len(metadata.tables)} tables" in result.output
    assert contents(target) == contents(source)


def test_the_command_refuses_while_holdfast_runs(here: Inside, source: Database, target: Database) -> None:
    with (here.settings.data / "keeper.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = CliRunner().invoke(app, ["--data", str(here.settings.data), *command(source, target)])
    (here.settings.data / "keeper.lock").unlink()
    assert isinstance(result.exception, HoldfastError)
    assert result.exception.code == "keeper_running"
    with target.read() as conn:
        assert sa.inspect(conn).get_table_names() == []


def test_a_source_that_is_not_there_is_not_made(target: Database, tmp_path: Path) -> None:
    line = ["metadata", "copy", "--from", f"sqlite+apsw:///{tmp_path}/no.db", "--to", "postgresql+psycopg://x@/y"]
    result = CliRunner().invoke(app, line)
    assert isinstance(result.exception, HoldfastError)
    assert not (tmp_path / "no.db").exists()
