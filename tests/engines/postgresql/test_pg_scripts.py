"""Scripts as psql would send them, and what one leaves behind: all of it with its ledger row, or nothing."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pg_server import Cluster, execute, rows

from holdfast.contract.conformance import Place
from holdfast.contract.scripts import CanScript, LedgerRow, Script
from holdfast.engines.postgresql import link
from holdfast.engines.postgresql.session import PostgresqlSession
from holdfast.engines.postgresql.splitting import split
from holdfast.kernel.errors import Cancelled, Conflict, Denied, HoldfastError, Invalid
from holdfast.kernel.stop import Stop

_SENT = re.compile(r"/\*+ QUERY \*+/\n(.*?)\n/\*{8,}/\n", re.DOTALL)
_FRONT = re.compile(r"(?:\s|--[^\n\r]*(?:[\n\r]|\Z))+")


def row(version: int = 1, **changes: Any) -> LedgerRow:
    values = {
        "name": "a\"b'; --",
        "checksum": "c",
        "state": "applied",
        "done": 0,
        "at": "",
        "actor": "u",
        "run_id": "r",
    }
    return LedgerRow(version, **{**values, **changes})


def session(place: Place, access: Any = "owner") -> Any:
    made = PostgresqlSession(place.endpoint, place.tools, access)
    assert isinstance(made, CanScript)
    return made


def apply(place: Place, text: str, version: int = 1, **more: Any) -> Any:
    return session(place).run_script(Script(text, row(version), **more), Stop())


def refused(code: str, act: Any) -> HoldfastError:
    with pytest.raises(HoldfastError) as caught:
        act()
    assert caught.value.code == code, caught.value.as_dict()
    return caught.value


def psql_sends(cluster: Cluster, place: Place, text: str, directory: Path) -> list[str]:
    """What stock psql reads as statements, in its own log."""
    log, script = directory / "sent.log", directory / "script.sql"
    log.unlink(missing_ok=True)
    script.write_text(text, encoding="utf-8", newline="")
    argv = [str(cluster.tools.bin / "psql"), "-X", "-q", "-L", str(log), "-f", str(script)]
    subprocess.run(argv, env=link.tool_env(place.endpoint), check=True, capture_output=True, timeout=60)
    return _SENT.findall(log.read_bytes().decode()) if log.exists() else []


def bare(text: str, *, ended: bool = True) -> str:
    """psql drops blanks before a statement; we drop comments there too. `ended`: by a `;`, which psql logs."""
    while True:
        shorter = _FRONT.sub("", text, count=1) if _FRONT.match(text) else text
        nested = _comment_end(shorter) if shorter.startswith("/*") else 0
        shorter = shorter[nested:]
        if shorter == text:
            return text.rstrip().removesuffix(";").rstrip() if ended else text.rstrip()
        text = shorter


def _comment_end(text: str) -> int:
    depth = 0
    for match in re.finditer(r"/\*|\*/", text):
        depth += 1 if match[0] == "/*" else -1
        if depth == 0:
            return match.end()
    return len(text)


PIECES = [
    "select", "1", "x", " ", "\n", ",", "+", "-", "/", "*", "(", ")", "$1", "a$b", "case", "end", "begin", "create",
    "or", "replace", "function", "procedure", "e'it\\'s;'", "E'\\\\'", "'it''s;'", "'a'\n'b;'", "e'a' '\\'",
    "'a' /* */ 'b'", "$$ ; $$", "$x$ $$ ; $y$ $x$", "$é$;$é$", '"a;""b"', 'u&"d\\0061t;"',
    "U&'\\0061;'", "n'\\'", "b'01'", "/* ; */", "/* /* ; */ ; */", "-- ;\n", "é", "1e'\\';'", "x'ff'", "ab'c;'",
    "::text", "||", "5$$;$$", "--\r", "\t",
]  # fmt: skip


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.just(";")), max_size=14))
@example(["/* ; */", "--\r", "select"])
def test_the_same_statements_as_psql(pg18: Cluster, place: Place, tmp_path: Path, pieces: list[str]) -> None:
    """Whatever stands in it: what psql sends is what we send."""
    text = "".join(pieces)
    try:
        ours = [re.sub(r"\n+", "\n", statement.text) for statement in split(text)]  # psql skips empty lines
    except Invalid as error:
        if error.code not in ("script_transaction", "script_unterminated", "script_command"):
            raise
        return
    sent = psql_sends(pg18, place, text, tmp_path)
    # At the end of all psql sends what it has, also what no `;` ended, as in `(;`. Then more text only makes it longer.
    ends = len(psql_sends(pg18, place, text + "\nx", tmp_path)) != len(sent)
    bares = [bare(each, ended=ends or number < len(sent)) for number, each in enumerate(sent, 1)]
    assert ours == [re.sub(r"\n+", "\n", each) for each in bares if each]


def test_a_string_that_goes_on_is_the_servers(place: Place) -> None:
    """psql reads line by line and loses the E of a string that goes on below; the server, and so we, do not."""
    apply(place, "create table t as select e'a' -- ;'\n  '\\';' as v")
    assert rows(place, "select v from public.t") == [("a';",)]


ATOMIC = """create or replace function f() returns int language sql begin atomic
 select case when true then 1 end; select 2; end;
create function g() returns int language plpgsql as $fn$ begin return 1; end $fn$;
select 1 /* the end */"""


def test_bodies_and_lines(pg18: Cluster, place: Place, tmp_path: Path) -> None:
    found = split(ATOMIC)
    assert [(each.number, each.line) for each in found] == [(1, 1), (2, 3), (3, 4)]
    assert [bare(each) for each in psql_sends(pg18, place, ATOMIC, tmp_path)] == [each.text for each in found]


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("select 1;\n\\! id", "script_command", 2),
        ("\n\\copy t from '/etc/passwd'", "script_command", 2),
        ("select 1 \\g | sh", "script_command", 1),
        ("select '\n", "script_unterminated", 1),
        ("select 1;\n/* /* */", "script_unterminated", 2),
        ("do $$ begin", "script_unterminated", 1),
        ("create table t ();\n/* x */ commit; drop table t", "script_transaction", 2),
        ("rollback and chain", "script_transaction", 1),
        ("prepare transaction 'x'", "script_transaction", 1),
        ("sEt x = 1; eND", "script_transaction", 1),
        ("select '\0'", "statement_invalid", 1),
    ],
)
def test_what_is_no_script(text: str, code: str, line: int) -> None:
    assert refused(code, lambda: split(text)).details["line"] == line


def test_all_of_it_or_nothing(place: Place) -> None:
    report = apply(place, "create table t (id int);\ninsert into t values (1), (2);")
    assert [(step.number, step.line, step.affected) for step in report.steps][1] == (2, 2, 2)
    error = refused("statement_invalid", lambda: apply(place, "drop table t;\n\nselect 1,\n nope;", 2))
    assert (error.details["statement"], error.details["line"]) == (2, 4)
    assert rows(place, "select count(*) from public.t") == [(2,)]
    assert [(each.version, each.name) for each in session(place, "ro").ledger()] == [(1, "a\"b'; --")]
    refused("already_applied", lambda: apply(place, "drop table t"))
    session(place).run_script(Script("drop table t", row(), "down"), Stop())
    assert session(place).ledger() == []
    refused("not_applied", lambda: session(place).run_script(Script("select 1", row(), "down"), Stop()))


def test_it_runs_as_the_owner(place: Place) -> None:
    """Not as the superuser that Holdfast has, and not for someone who only reads."""
    apply(place, "create table who as select current_user::text as me, session_user::text as really")
    assert rows(place, "select * from public.who") == [("db_owner", "db_owner")]
    refused("permission_denied", lambda: apply(place, "copy (select 1) to program 'id'", 2))
    refused("permission_denied", lambda: apply(place, "select pg_read_file('/etc/passwd')", 2))
    with pytest.raises(HoldfastError):
        apply(place, "set role holdfast", 2)
    with pytest.raises(Denied):
        session(place, "ro").run_script(Script("select 1", row(3)), Stop())
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        execute(place, "delete from public._holdfast_migrations", access="rw")


def test_the_ledger_is_not_the_scripts(place: Place) -> None:
    """Nor can a procedure's own COMMIT save half of a script."""
    refused("ledger_changed", lambda: apply(place, "create table a (); delete from public._holdfast_migrations"))
    refused("statement_invalid", lambda: apply(place, "create table a (); do $$ begin commit; end $$; select 1/0"))
    assert rows(place, "select to_regclass('public.a')") == [(None,)]
    assert session(place).ledger() == []


def test_values_of_rows_are_not_repeated(place: Place) -> None:
    apply(place, "create table t (id text unique); insert into t values ('secret-4711')")
    for text in ("insert into t values ('secret-4711')", "alter table t alter id type int using id::int"):
        with pytest.raises(HoldfastError) as caught:
            apply(place, text, 2)
        assert "4711" not in repr(caught.value.as_dict())


def test_what_cannot_run_in_a_transaction(place: Place) -> None:
    apply(place, "create table t (id int)")
    text = "create index concurrently i on t (id);\nvacuum t;"
    assert refused("statement_invalid", lambda: apply(place, text, 2)).details["statement"] == 1
    apply(place, text, 2, alone=True)
    assert [each.state for each in session(place).ledger()] == ["applied", "applied"]
    refused(
        "statement_invalid", lambda: apply(place, "vacuum t;\ncreate index concurrently i on t (id)", 3, alone=True)
    )
    partial = session(place).ledger()[-1]
    assert (partial.version, partial.state, partial.done) == (3, "partial", 1)
    apply(place, "vacuum t", 3, alone=True)  # corrected, and taken up again
    assert session(place).ledger()[-1].state == "applied"


def test_a_rehearsal_leaves_nothing_but_its_report(place: Place) -> None:
    apply(place, "create table t (id int)")
    scripts = [Script("alter table t add name text", row(2)), Script("create index on t (name)", row(3))]
    reports = session(place).rehearse(scripts, Stop())
    assert "ACCESS EXCLUSIVE on public.t" in reports[0].locks
    assert "SHARE on public.t" in reports[1].locks
    assert [each.version for each in session(place).ledger()] == [1]
    refused("rehearsal_needs_clone", lambda: session(place).rehearse([Script("vacuum t", row(2), alone=True)], Stop()))


@pytest.fixture
def held(place: Place) -> Iterator[Any]:
    """Somebody reads table t and does not let go."""
    apply(place, "create table t (id int)")
    with link.connect(place.endpoint, "owner") as other:
        other.execute("begin")
        other.execute("select * from public.t")
        yield other


def test_a_lock_is_waited_for_only_so_long(place: Place, held: Any) -> None:
    assert held
    started = time.monotonic()
    refused("table_locked", lambda: apply(place, "alter table t add x int", 2, lock_seconds=0.3))
    assert time.monotonic() - started < 15
    assert len(session(place).ledger()) == 1


def test_a_stop_ends_the_statement(place: Place) -> None:
    stop = Stop()
    threading.Timer(0.3, stop.stop, ("cancel requested",)).start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        session(place).run_script(Script("create table t (); select pg_sleep(60)", row()), stop)
    assert time.monotonic() - started < 30
    assert rows(place, "select to_regclass('public.t')") == [(None,)]


def test_two_at_once(place: Place) -> None:
    """The second waits for the first and is refused by the ledger: nothing runs twice."""
    apply(place, "create table t (id int)", 1)
    found: list[Any] = []

    def one() -> None:
        try:
            found.append(apply(place, "insert into t values (1); select pg_sleep(0.3)", 2))
        except Conflict as error:
            found.append(error.code)

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert "already_applied" in found
    assert rows(place, "select count(*) from public.t") == [(1,)]


def test_copy_is_refused(place: Place) -> None:
    refused("statement_invalid", lambda: apply(place, "create table t (id int); copy t from stdin"))
