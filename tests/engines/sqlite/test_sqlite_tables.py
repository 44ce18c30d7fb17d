"""Bringing single tables back into a live database."""

from __future__ import annotations

import pytest

from holdfast.contract.conformance.helpers import capture, inspect, relation, run, scalar, session_of, write
from holdfast.contract.snapshot import Receipt, RestoreRequest
from holdfast.engines.sqlite.trial import SqliteSubject
from holdfast.kernel.errors import Conflict, NotFound
from holdfast.kernel.stop import Stop


def bring(subject: SqliteSubject, place, source, want: RestoreRequest) -> Receipt:
    with session_of(subject, place) as session:
        return session.restore(source, want, Stop())


def setup(subject: SqliteSubject, place) -> None:
    write(
        subject,
        place,
        [
            "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, x TEXT, twice AS (x || x), keep TEXT AS (x) STORED)",
            'CREATE INDEX "i\'x" ON a (x, length(x)) WHERE x IS NOT NULL',
            "CREATE TRIGGER tr AFTER INSERT ON a BEGIN SELECT 1; END",
            "CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a (id))",
            "INSERT INTO a (id, x) VALUES (1, 'one'), (100, 'two')",
            "DELETE FROM a WHERE id = 100",
            "INSERT INTO b VALUES (1, 1)",
        ],
    )


def test_beside_the_original_in_the_same_database(subject: SqliteSubject) -> None:
    """Index and trigger names that are taken give way; the sequence and generated columns come along."""
    with subject.fresh() as place:
        setup(subject, place)
        source = capture(subject, place)
        write(subject, place, ["UPDATE a SET x = 'changed'"])
        receipt = bring(
            subject, place, source, RestoreRequest(select=("main.a",), rename={"main.a": 'a "old"'}, into="existing")
        )
        assert run(subject, place, 'SELECT * FROM "a ""old"""').rows == [(1, "one", "oneone", "one")]
        assert run(subject, place, "SELECT x FROM a").rows == [("changed",)]
        assert [i.name for i in relation(inspect(subject, place), 'a "old"').indexes] == ['i\'x_a "old"']
        assert len(receipt.notes) == 2
        write(subject, place, ['INSERT INTO "a ""old""" (x) VALUES (\'next\')'])
        assert scalar(subject, place, 'SELECT max(id) FROM "a ""old"""') == 101


def test_names_exchanged(subject: SqliteSubject) -> None:
    with subject.fresh("source") as place, subject.fresh("target") as target:
        setup(subject, place)
        bring(subject, target, capture(subject, place), RestoreRequest(rename={"main.a": "b", "main.b": "a"}))
        assert run(subject, target, "SELECT x FROM b").rows == [("one",)]
        assert run(subject, target, "SELECT id, a FROM a").rows == [(1, 1)]
        assert relation(inspect(subject, target), "a").foreign_keys[0].references == "b"


def test_wrong_requests_change_nothing(subject: SqliteSubject) -> None:
    with subject.fresh("source") as place, subject.fresh("target") as target:
        setup(subject, place)
        source = capture(subject, place)
        for want, error in (
            (RestoreRequest(select=("nothing*",), into="existing"), NotFound),
            (RestoreRequest(rename={"main.z": "y"}, into="existing"), NotFound),
            (RestoreRequest(rename={"main.a": "b"}), Conflict),
            (RestoreRequest(select=("a",), rename={"a": "sqlite_bad"}, into="existing"), Exception),
        ):
            with pytest.raises(error):
                bring(subject, target, source, want)
            assert inspect(subject, target).relations == ()
