"""Scripts on a file: split where sqlite3_complete says so, all of it with its ledger row, or nothing."""

from __future__ import annotations

import threading
import time
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.contract.scripts import CanScript, LedgerRow, Script
from holdfast.engines.sqlite.session import SqliteSession
from holdfast.engines.sqlite.splitting import split
from holdfast.engines.sqlite.trial import SqliteSubject
from holdfast.kernel.errors import Cancelled, Denied, HoldfastError, Invalid
from holdfast.kernel.stop import Stop

PIECES = [
    "select", "1", "x", " ", "\n", ",", "-", "/", "*", "create", "temp", "trigger", "begin", "end", "explain",
    "'it''s;'", '"a;""b"', "`a;`", "[a;b]", "/* ; */", "-- ;\n", "é", "case", "a'b;'", "--;", "/*",
]  # fmt: skip


def completed(text: str) -> list[str]:
    """Where sqlite3_complete is satisfied, asked at every single character."""
    found, start = [], 0
    for end in range(1, len(text) + 1):
        if text[end - 1] == ";" and apsw.complete(text[start:end]):
            found.append(text[start : end - 1])
            start = end
    return [*found, text[start:]]


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.just(";")), max_size=16))
def test_the_same_statements_as_complete(pieces: list[str]) -> None:
    text = "".join(pieces)
    try:
        ours = [statement.text for statement in split(text)]
    except Invalid as error:
        if error.code not in ("script_transaction", "script_unterminated"):
            raise
        return
    theirs = [bare for each in completed(text) if (bare := front(each))]
    assert ours == theirs


def front(text: str) -> str:
    """Without the blanks and comments before it."""
    while True:
        text = text.lstrip()
        if text.startswith("--"):
            text = text.partition("\n")[2]
        elif text.startswith("/*"):
            text = text[2:].partition("*/")[2]
        else:
            return text.rstrip()


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


@pytest.fixture
def session(subject: SqliteSubject) -> Any:
    with subject.fresh() as place:
        made = SqliteSession(place.endpoint, place.tools, "owner")
        assert isinstance(made, CanScript)
        yield made


def run(session: Any, text: str, version: int = 1, **more: Any) -> Any:
    return session.run_script(Script(text, row(version), **more), Stop())


def refused(code: str, act: Any) -> HoldfastError:
    with pytest.raises(HoldfastError) as caught:
        act()
    assert caught.value.code == code, caught.value.as_dict()
    return caught.value


def value(session: Any, statement: str) -> Any:
    with apsw.Connection(str(session._at.path)) as connection:
        return connection.execute(statement).fetchone()[0]


TRIGGER = """create table t (id integer);
create trigger g after insert on t begin
  update t set id = case when id > 1 then 1 else id end;
  select 1;
end;

insert into t values (5)"""


def test_triggers_and_lines(session: Any) -> None:
    assert [(each.number, each.line) for each in split(TRIGGER)] == [(1, 1), (2, 2), (3, 7)]
    run(session, TRIGGER)
    assert value(session, "select id from t") == 1
    assert list(session.definitions()) == ["trigger g"]


def test_all_of_it_or_nothing(session: Any) -> None:
    run(session, "create table t (id int);\ninsert into t values (1), (2);")
    error = refused("statement_invalid", lambda: run(session, "drop table t;\n\nselect 1,\n nope;", 2))
    assert (error.details["statement"], error.details["line"]) == (2, 4)
    assert value(session, "select count(*) from t") == 2
    assert [(each.version, each.name) for each in session.ledger()] == [(1, "a\"b'; --")]
    refused("already_applied", lambda: run(session, "drop table t"))
    session.run_script(Script("drop table t", row(), "down"), Stop())
    assert session.ledger() == []
    refused("not_applied", lambda: session.run_script(Script("select 1", row(), "down"), Stop()))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("attach 'x' as y", "statement_denied"),
        ("vacuum into 'x'", "statement_invalid"),
        ("vacuum", "statement_invalid"),
        ("pragma writable_schema = 1", "statement_denied"),
        ("commit", "script_transaction"),
        ("select '", "script_unterminated"),
        ("delete from _holdfast_migrations", "ledger_changed"),
    ],
)
def test_what_a_script_may_not(session: Any, text: str, code: str) -> None:
    refused(code, lambda: run(session, f"create table t (a); {text}"))
    assert session.ledger() == []
    assert value(session, "select count(*) from sqlite_schema where name = 't'") == 0


def test_what_cannot_run_in_a_transaction(session: Any) -> None:
    run(session, "create table t (a); vacuum; create table u (a)", alone=True)
    assert session.ledger()[0].state == "applied"
    refused("statement_invalid", lambda: run(session, "create table v (a); create table u (a)", 2, alone=True))
    assert (session.ledger()[1].state, session.ledger()[1].done) == ("partial", 1)
    refused("statement_denied", lambda: run(session, "vacuum into 'x'", 3, alone=True))


def test_a_rehearsal_leaves_nothing(session: Any) -> None:
    run(session, "create table t (a)")
    before = value(session, "select group_concat(sql) from sqlite_schema")
    scripts = [Script("alter table t add b", row(2)), Script("create index i on t (b)", row(3))]
    assert [len(each.steps) for each in session.rehearse(scripts, Stop())] == [1, 1]
    assert value(session, "select group_concat(sql) from sqlite_schema") == before
    refused("rehearsal_needs_clone", lambda: session.rehearse([Script("vacuum", row(2), alone=True)], Stop()))


def test_a_stop_ends_the_statement(session: Any) -> None:
    stop = Stop()
    endless = "create table t as with recursive n(i) as (select 1 union all select i + 1 from n) select i from n"
    threading.Timer(0.2, stop.stop, ("cancel requested",)).start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        session.run_script(Script(endless, row()), stop)
    assert time.monotonic() - started < 15
    assert session.ledger() == []


def test_who_only_reads(subject: SqliteSubject) -> None:
    with subject.fresh() as place, pytest.raises(Denied):
        SqliteSession(place.endpoint, place.tools, "ro").run_script(Script("select 1", row()), Stop())
