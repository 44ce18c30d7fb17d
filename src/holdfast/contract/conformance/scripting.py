"""Cases on scripts and the ledger that remembers them: CanSplit and CanScript."""

from __future__ import annotations

from dataclasses import replace

from holdfast.contract.conformance.helpers import able, contents, inspect, raises, session_of, write
from holdfast.contract.conformance.subject import NotApplicable, Place, Subject
from holdfast.contract.scripts import CanScript, CanSplit, LedgerRow, Script, ScriptReport
from holdfast.contract.spec import Access
from holdfast.kernel.errors import Cancelled, Conflict, Denied, HoldfastError, Invalid
from holdfast.kernel.stop import Stop

_TWO = "-- first\nCREATE TABLE made (id integer PRIMARY KEY, name text);\n\nINSERT INTO made VALUES (1, 'a;b');\n"


def _script(text: str, version: int = 1, name: str = 'it\'s "one"; --') -> Script:
    row = LedgerRow(version, name, "c" * 64, "applied", 0, "2026-01-02T03:04:05+00:00", "user:x", f"run_{version}")
    return Script(text, row)


def _run(subject: Subject, place: Place, script: Script, access: Access = "owner") -> ScriptReport:
    with session_of(subject, place, access) as session:
        writer: CanScript = able(session, CanScript)
        return writer.run_script(script, Stop())


def _ledger(subject: Subject, place: Place) -> list[tuple[int, str, str]]:
    with session_of(subject, place, "owner") as session:
        return [(row.version, row.name, row.state) for row in able(session, CanScript).ledger()]


def script_split(subject: Subject) -> None:
    """Statements end where the engine says, with their lines; a client's commands and transactions are refused."""
    engine = subject.engine
    if not isinstance(engine, CanSplit):
        raise NotApplicable(f"{CanScript.__name__} without {CanSplit.__name__}")
    found = engine.split(_TWO + "SELECT ';', '--' /* ; */; ;")
    assert [(one.number, one.line) for one in found] == [(1, 2), (2, 4), (3, 5)], found
    assert "a;b" in found[1].text
    assert not engine.split("\n -- nothing\n /* at all; */ ;;")
    for text in ("BEGIN; SELECT 1", "SELECT 1;\nCOMMIT", "SELECT 1; ROLLBACK;"):
        with raises(Invalid, "script_transaction") as caught:
            engine.split(text)
        assert caught[0].details.get("line"), text
    with raises(Invalid, "script_unterminated"):
        engine.split("SELECT 'open; -- and on")


def script_runs(subject: Subject) -> None:
    """A script and its row in the ledger come together, once; "down" takes the row away again."""
    with subject.fresh() as place:
        assert _ledger(subject, place) == []
        told: list[tuple[int, int]] = []
        script = replace(_script(_TWO), told=lambda done, of: told.append((done, of)))
        report = _run(subject, place, script)
        assert [(step.number, step.line) for step in report.steps] == [(1, 2), (2, 4)]
        assert told[-1] == (2, 2)
        assert contents(subject, place, "made") == {1: "a;b"}
        assert _ledger(subject, place) == [(1, 'it\'s "one"; --', "applied")]
        with raises(Conflict, "already_applied"):
            _run(subject, place, script)
        _run(subject, place, _script("CREATE TABLE more (id integer PRIMARY KEY)", 2))
        with session_of(subject, place, "owner") as session:
            text = " ".join(able(session, CanScript).definitions())
        assert "_holdfast_migrations" not in text
        _run(subject, place, replace(_script("DROP TABLE more", 2), direction="down"))
        with raises(Conflict, "not_applied"):
            _run(subject, place, replace(_script("DROP TABLE made", 2), direction="down"))
        assert [row[0] for row in _ledger(subject, place)] == [1]
        assert contents(subject, place, "made") == {1: "a;b"}


def script_all_or_nothing(subject: Subject) -> None:
    """A statement that fails, or a stop, leaves neither the ones before it nor a row, and says where it was."""
    with subject.fresh() as place:
        write(subject, place, subject.dialect.words.collection("t", 3))
        before = (contents(subject, place, "t"), inspect(subject, place).relations)
        for wrong in ("INSERT INTO made VALUES (1, 'twice')", "SELECT nothing\n FROM nowhere"):
            with raises(HoldfastError) as caught:
                _run(subject, place, _script(_TWO + "DELETE FROM t;\n" + wrong))
            assert caught[0].details.get("statement") == 4, caught[0].details
            assert caught[0].details.get("line") in (6, 7), caught[0].details
            assert "statement 4" in caught[0].message
        stop = Stop()
        stop.stop()
        with session_of(subject, place, "owner") as session, raises(Cancelled):
            able(session, CanScript).run_script(_script("DELETE FROM t"), stop)
        with raises(Denied, "read_only"):
            _run(subject, place, _script("DELETE FROM t"), "ro")
        after = (contents(subject, place, "t"), inspect(subject, place).relations)
        assert after[0] == before[0]
        assert [r for r in after[1] if r.name != "_holdfast_migrations"] == list(before[1])
        assert _ledger(subject, place) == []


def script_rehearsed(subject: Subject) -> None:
    """A rehearsal runs all of them, one after the other, and leaves nothing; what would fail fails in it."""
    with subject.fresh() as place:
        write(subject, place, subject.dialect.words.collection("t", 3))
        before = inspect(subject, place).relations
        scripts = (_script(_TWO), _script("INSERT INTO made VALUES (2, 'b'); DELETE FROM t", 2))
        with session_of(subject, place, "owner") as session:
            able_one: CanScript = able(session, CanScript)
            reports = able_one.rehearse(scripts, Stop())
            assert [len(report.steps) for report in reports] == [2, 2]
            with raises(HoldfastError):
                able_one.rehearse((*scripts, _script("INSERT INTO made VALUES (2, 'twice')", 3)), Stop())
            with raises(Invalid, "rehearsal_needs_clone"):
                able_one.rehearse((replace(_script("SELECT 1"), alone=True),), Stop())
        assert len(contents(subject, place, "t")) == 3
        assert inspect(subject, place).relations == before
        assert _ledger(subject, place) == []


def script_alone(subject: Subject) -> None:
    """Outside a transaction: what ran stays, the row reads "partial" until all is done, and it can be run again."""
    with subject.fresh() as place:
        words = subject.dialect.words
        write(subject, place, words.collection("t", 3))
        create = "CREATE TABLE IF NOT EXISTS made (id integer PRIMARY KEY, name text);\n"
        failing = replace(_script(create + "INSERT INTO t VALUES (1, 'taken')"), alone=True)
        with raises(HoldfastError):
            _run(subject, place, failing)
        assert contents(subject, place, "made") == {}
        assert [(row[0], row[2]) for row in _ledger(subject, place)] == [(1, "partial")]
        _run(subject, place, replace(failing, text=create + "INSERT INTO t VALUES (4, 'free')"))
        assert [(row[0], row[2]) for row in _ledger(subject, place)] == [(1, "applied")]
        assert len(contents(subject, place, "t")) == 4


CASES = {CanScript: (script_split, script_runs, script_all_or_nothing, script_rehearsed, script_alone)}
