"""Cases on preparing, planning and looking."""

from __future__ import annotations

import asyncio

from holdfast.contract.conformance.helpers import collect, contents, inspect, relation, session_of, write
from holdfast.contract.conformance.subject import Subject
from holdfast.contract.query import QueryLimits
from holdfast.kernel.errors import Invalid


def prepare_twice(subject: Subject) -> None:
    """A second `prepare` succeeds and changes nothing, also with data inside."""
    with subject.fresh() as place:
        write(subject, place, subject.dialect.words.collection("kept", 7))
        asyncio.run(subject.engine.prepare(place.endpoint, subject.spec, place.tools))
        asyncio.run(subject.engine.prepare(place.endpoint, subject.spec, place.tools))
        assert sorted(contents(subject, place, "kept")) == [1, 2, 3, 4, 5, 6, 7]


def inspect_empty(subject: Subject) -> None:
    """A fresh database has no relations and names its engine and version."""
    with subject.fresh() as place:
        catalog = inspect(subject, place)
        assert catalog.engine == subject.engine.name
        assert catalog.version
        assert catalog.relations == ()


def inspect_awkward_names(subject: Subject) -> None:
    """Tables and columns with quotes, semicolons, unicode and reserved words come back exactly, with counts."""
    quote = subject.dialect.quote
    with subject.fresh() as place:
        for name in subject.dialect.names:
            write(
                subject,
                place,
                [
                    f"CREATE TABLE {quote(name)} (id integer PRIMARY KEY, {quote(name)} text NOT NULL)",
                    f"INSERT INTO {quote(name)} VALUES (1, 'a'), (2, 'b')",
                ],
            )
        catalog = inspect(subject, place)
        assert sorted(r.name for r in catalog.relations) == sorted(subject.dialect.names)
        for name in subject.dialect.names:
            table = relation(catalog, name)
            assert table.schema == subject.dialect.schema
            assert table.kind == "table"
            assert [c.name for c in table.columns] == ["id", name]
            assert table.columns[0].primary_key == 1
            assert not table.columns[1].nullable
            assert table.rows == 2


def inspect_relations(subject: Subject) -> None:
    """Views, indexes and foreign keys are seen; "shallow" sees the same relations as "full"."""
    with subject.fresh() as place:
        write(
            subject,
            place,
            [
                "CREATE TABLE parent (a integer, b integer, PRIMARY KEY (a, b))",
                "CREATE TABLE child (id integer PRIMARY KEY, a integer, b integer, note text DEFAULT 'none', "
                "FOREIGN KEY (a, b) REFERENCES parent (a, b))",
                "CREATE UNIQUE INDEX child_note ON child (note, a)",
                "CREATE VIEW both_of_them AS SELECT parent.a, child.note FROM parent JOIN child ON parent.a = child.a",
            ],
        )
        full = inspect(subject, place)
        with session_of(subject, place) as session:
            shallow = asyncio.run(session.inspect("shallow"))
        assert [(r.name, r.kind, r.columns) for r in shallow.relations] == [
            (r.name, r.kind, r.columns) for r in full.relations
        ]
        assert full.rows_exact
        assert relation(full, "both_of_them").kind == "view"
        assert [c.primary_key for c in relation(full, "parent").columns] == [1, 2]
        child = relation(full, "child")
        (key,) = child.foreign_keys
        assert (key.columns, key.referenced_columns) == (("a", "b"), ("a", "b"))
        assert key.references.split(".")[-1] == "parent"
        index = next(i for i in child.indexes if i.name == "child_note")
        assert index.columns == ("note", "a")
        assert index.unique


def one_session_many_uses(subject: Subject) -> None:
    """A session looks, queries and looks again, also after a statement that failed."""
    words = subject.dialect.words
    with subject.fresh() as place, session_of(subject, place) as session:

        async def use() -> None:
            for statement in words.collection("t", 2):
                await collect(session, statement, (), QueryLimits(write=True))
            for _ in range(3):
                assert (await collect(session, words.count("t"))).rows == [(2,)]
                try:
                    await collect(session, words.missing)
                except Invalid as error:
                    assert error.code == "statement_invalid", error
                else:
                    raise AssertionError("a statement that cannot be run went through")
                assert len((await session.inspect()).relations) == 1

        asyncio.run(use())


CASES = (prepare_twice, inspect_empty, inspect_awkward_names, inspect_relations, one_session_many_uses)
