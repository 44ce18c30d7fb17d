"""Cases on rows in bulk, out and in: CanBulk."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from holdfast.contract.bulk import CanBulk, Load, NewColumn, ScriptResult, Unload
from holdfast.contract.conformance.helpers import able, contents, inspect, raises, relation, session_of, write
from holdfast.contract.conformance.subject import Place, Subject
from holdfast.formats.delimited import Dialect
from holdfast.kernel.errors import Cancelled, Conflict, Denied, Invalid, NotFound, Retryable
from holdfast.kernel.stop import Stop

_TEXTS = ("", "NULL", "\\N", "\\.", 'quo"te, and comma', "line\nbreak\r\n", "naïve 😀", "=1+1", " blank ")


@contextmanager
def _bulk(subject: Subject, place: Place) -> Iterator[CanBulk]:
    with session_of(subject, place) as session:
        yield able(session, CanBulk)


def _committed(bulk: CanBulk, token: str) -> bool:
    """The server may need a moment to end a transaction whose connection was closed: "try again" is its word then."""
    until = time.monotonic() + 10
    while True:
        try:
            return bulk.bulk_committed(token)
        except Retryable:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def _relation(subject: Subject, name: str = "t") -> tuple[str, str]:
    return subject.dialect.schema, name


def _texts(subject: Subject, place: Place) -> dict[int, Any]:
    """Fill `t` with every awkward text and a null; what is then in it."""
    write(subject, place, subject.dialect.words.collection("t"))
    with _bulk(subject, place) as bulk:
        with bulk.bulk_load(Load(_relation(subject), ("id", "name")), Stop()) as load:
            assert load.put([(1, None), *((n + 2, text) for n, text in enumerate(_TEXTS))]) == []
            load.token()
            load.commit()
    return {1: None} | {n + 2: text for n, text in enumerate(_TEXTS)}


def bulk_texts(subject: Subject) -> None:
    """Null, the empty text and awkward texts go in and come out as they were, by rows, by texts and as CSV."""
    with subject.fresh() as place:
        wanted = _texts(subject, place)
        assert contents(subject, place, "t") == wanted
        with _bulk(subject, place) as bulk:
            columns = bulk.bulk_columns(_relation(subject))
            assert [(c.name, c.primary_key) for c in columns] == [("id", 1), ("name", 0)]
            with bulk.bulk_unload(Unload(_relation(subject)), Stop()) as unload:
                assert [column.name for column in unload.columns] == ["id", "name"]
                assert {row[0]: row[1] for batch in unload.rows() for row in batch} == wanted
            with bulk.bulk_unload(Unload(_relation(subject)), Stop()) as unload:
                assert {int(str(row[0])): row[1] for batch in unload.texts() for row in batch} == wanted
            with bulk.bulk_unload(Unload(statement="SELECT name, id FROM t WHERE id > 1"), Stop()) as unload:
                pieces = unload.csv(Dialect())
                if pieces is not None:
                    text = b"".join(pieces).decode()
                    read = {int(row[1]): row[0] for row in csv.reader(io.StringIO(text, newline=""))}
                    assert read == {key: value for key, value in wanted.items() if key > 1}


def bulk_bad_rows(subject: Subject) -> None:
    """Rows the database refuses come back by their index, with a reason; the others are in, and count."""
    with subject.fresh() as place:
        write(subject, place, subject.dialect.words.collection("t", 3))
        with _bulk(subject, place) as bulk:
            with bulk.bulk_load(Load(_relation(subject), ("id", "name")), Stop()) as load:
                bad = load.put([("10", "ok"), ("ten", "no number"), ("2", "taken"), ("11", "ok")])
                assert [row.index for row in bad] == [1, 2], bad
                assert all(row.reason for row in bad)
                assert load.counts.inserted == 2, load.counts
                load.token()
                load.commit()
            assert sorted(contents(subject, place, "t")) == [1, 2, 3, 10, 11]
            for conflict, kept in (("skip", False), ("update", True)):
                want = Load(_relation(subject), ("id", "name"), conflict=conflict, key=("id",))  # type: ignore[arg-type]
                with bulk.bulk_load(want, Stop()) as load:
                    assert load.put([("10", conflict), (str(len(conflict) + 20), "new")]) == []
                    counts = (load.counts.inserted, load.counts.updated, load.counts.skipped)
                    assert counts == ((1, 1, 0) if kept else (1, 0, 1)), counts
                    load.token()
                    load.commit()
                assert (contents(subject, place, "t")[10] == conflict) is kept


def bulk_csv_in(subject: Subject) -> None:
    """CSV is taken whole or not at all: a bad record leaves nothing, and the good ones can be put after it."""
    with subject.fresh() as place:
        write(subject, place, subject.dialect.words.collection("t", 1))
        with _bulk(subject, place) as bulk:
            with bulk.bulk_load(Load(_relation(subject), ("id", "name")), Stop()) as load:
                good = load.put_csv(b'2,"a ""b"", c"\n3,\n', Dialect())
                assert not load.put_csv(b"4,x\n1,taken\n", Dialect())
                assert load.put([("5", "after")]) == []
                load.token()
                load.commit()
            assert contents(subject, place, "t") == {1: "n1", 5: "after"} | ({2: 'a "b", c', 3: None} if good else {})


def bulk_left(subject: Subject) -> None:
    """Leaving without `commit`, by an error or a stop, leaves the database as it was; so does a table it made."""
    with subject.fresh() as place:
        write(subject, place, subject.dialect.words.collection("t", 3))
        before = (contents(subject, place, "t"), inspect(subject, place).relations)
        create = (NewColumn("id", "integer"), NewColumn("some text", "text"))
        with _bulk(subject, place) as bulk:
            with bulk.bulk_load(Load(_relation(subject), ("id", "name")), Stop()) as load:
                assert load.put([(9, "x")]) == []
                token = load.token()
            assert not _committed(bulk, token)
            bulk.bulk_forget(token)
            with bulk.bulk_load(Load(_relation(subject, "made"), ("id", "some text"), create), Stop()) as load:
                load.put([(9, "x")])
            stop = Stop()
            with raises(Cancelled):
                with bulk.bulk_load(Load(_relation(subject), ("id", "name")), stop) as load:
                    load.put([(9, "x")])
                    stop.stop()
                    load.put([(10, "x")])
            assert (contents(subject, place, "t"), inspect(subject, place).relations) == before
            with bulk.bulk_load(Load(_relation(subject, "made"), ("id", "some text"), create), Stop()) as load:
                load.put([(9, "x")])
                token = load.token()
                load.commit()
            assert bulk.bulk_committed(token)
            for _ in range(2):
                bulk.bulk_forget(token)
        names = sorted(r.name for r in inspect(subject, place).relations)
        assert names == ["made", "t"], f"{names}: a token leaves nothing behind once it is forgotten"
        assert [c.name for c in relation(inspect(subject, place), "made").columns] == ["id", "some text"]


def bulk_refused(subject: Subject) -> None:
    """An unload runs with the reader's rights; what is not there is named; a made table must be new."""
    words = subject.dialect.words
    with subject.fresh() as place:
        write(subject, place, words.collection("t", 3))
        with _bulk(subject, place) as bulk:
            for statement in words.writes:
                with raises((Denied, Invalid)), bulk.bulk_unload(Unload(statement=statement), Stop()) as unload:
                    list(unload.rows())
            for statement in words.two:
                with raises((Denied, Invalid)), bulk.bulk_unload(Unload(statement=statement), Stop()) as unload:
                    list(unload.rows())
            with raises(NotFound, "table_not_found"):
                bulk.bulk_columns(_relation(subject, "nowhere"))
            with raises(NotFound), bulk.bulk_unload(Unload(_relation(subject, "nowhere")), Stop()):
                pass
            for load, kind, code in (
                (Load(_relation(subject, "nowhere"), ("id",)), NotFound, None),
                (Load(_relation(subject), ("id", "nme")), Invalid, "column_unknown"),
                (Load(_relation(subject), ("id",), conflict="skip", key=("name",)), Invalid, "key_invalid"),
                (Load(_relation(subject), ("id",), (NewColumn("id", "integer"),)), Conflict, "table_exists"),
            ):
                with raises(kind, code), bulk.bulk_load(load, Stop()):
                    pass
        assert len(contents(subject, place, "t")) == 3


def bulk_dump_and_script(subject: Subject) -> None:
    """A dump run as a script into an empty database gives the same rows; a script that fails leaves nothing."""
    told: list[tuple[str, ScriptResult]] = []
    with subject.fresh("one") as place, subject.fresh("two") as other:
        wanted = _texts(subject, place)
        write(subject, place, [*subject.dialect.words.collection("u", 5), "CREATE INDEX u_name ON u (name)"])
        with _bulk(subject, place) as bulk:
            dump = b"".join(bulk.bulk_dump((), Stop()))
            part = b"".join(bulk.bulk_dump((_relation(subject, "u"),), Stop()))
        assert len(part) < len(dump)
        with _bulk(subject, other) as bulk:
            for wrong in (part + b"\nINSERT INTO u VALUES (1, 'taken');\n", part + b"\nSELEC 1;\n"):
                with raises(Invalid) as caught:
                    bulk.bulk_script(iter((wrong[:100], wrong[100:])), lambda *_: None, Stop())
                assert caught[0].details.get("line"), caught[0]
                assert inspect(subject, other).relations == (), "a script that failed left something"
            bulk.bulk_script(iter(dump[at : at + 1000] for at in range(0, len(dump), 1000)), _hear(told), Stop())
            assert bulk.bulk_committed(told[0][0])
            bulk.bulk_forget(told[0][0])
        assert contents(subject, other, "t") == wanted
        assert contents(subject, other, "u") == contents(subject, place, "u")
        assert inspect(subject, other).relations == inspect(subject, place).relations


def _hear(told: list[tuple[str, ScriptResult]]) -> Any:
    return lambda token, result: told.append((token, result))


CASES = {CanBulk: (bulk_texts, bulk_bad_rows, bulk_csv_in, bulk_left, bulk_refused, bulk_dump_and_script)}
