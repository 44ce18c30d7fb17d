"""Cases on keys and values without a language: CanKeyValue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from holdfast.contract.conformance.helpers import able, raises, session_of
from holdfast.contract.conformance.subject import Place, Subject
from holdfast.contract.keyspace import CanKeyValue, Delete, Elements, Expire, Put, Rename
from holdfast.contract.spec import Access
from holdfast.kernel.errors import Conflict, Denied, Invalid, NotFound, PreconditionFailed

_ANY = bytes(range(256)) + b"\r\n*1\r\n'\"; --"
_LATER = 4_102_444_800_123
_VALUES: tuple[tuple[Any, list[Any]], ...] = (
    ("string", [_ANY]),
    ("list", [b"a", b"", _ANY, b"a"]),
    ("set", [b"", _ANY]),
    ("hash", [(b"", _ANY), (_ANY, b"")]),
    ("zset", [(b"low", float("-inf")), (_ANY, 1.5), (b"", float("inf"))]),
    ("stream", [("1-1", ((b"f", _ANY), (b"f", b""))), ("2-0", ((b"", b""),))]),
)


@contextmanager
def _keys(subject: Subject, place: Place, access: Access = "owner") -> Iterator[CanKeyValue]:
    with session_of(subject, place, access) as session:
        yield able(session, CanKeyValue)


def _whole(keys: CanKeyValue, key: bytes) -> list[Any]:
    found: list[Any] = []
    cursor = None
    while True:
        part = keys.value(0, key, cursor, 100)
        found += part.elements
        if (cursor := part.cursor) is None:
            return found


def keys_values(subject: Subject) -> None:
    """Every type is written with its expiry and read back, under any name and of any bytes."""
    with subject.fresh() as place, _keys(subject, place) as keys:
        for kind, elements in _VALUES:
            key = kind.encode() + _ANY
            facts = keys.change(0, key, Put(kind, elements, _LATER, only_new=True), None)
            assert facts is not None
            assert (facts.key, facts.type, facts.expires_ms) == (key, kind, _LATER)
            assert sorted(_whole(keys, key)) == sorted(elements), kind
            with raises(Conflict, "key_exists"):
                keys.change(0, key, Put("string", [b"x"], only_new=True), None)
            stays = keys.change(0, key, Expire(None), None)
            assert stays is not None
            assert stays.expires_ms is None
        for wrong in (Put("string", [b"a", b"b"]), Put("zset", [(b"a", "x")]), Put("list", [])):
            with raises(Invalid, "elements_invalid"):
                keys.change(0, b"new", wrong, None)
        with raises(NotFound, "key_absent"):
            keys.value(0, b"new", None, 10)


def keys_pages(subject: Subject) -> None:
    """Every key comes in the pages of a listing, by name and by type, in its own database only."""
    with subject.fresh() as place, _keys(subject, place) as keys:
        for number in range(120):
            keys.change(0, b"k:%d" % number, Put("string", [b"%d" % number]), None)
        keys.change(0, b"odd[x]*", Put("list", [b"a"]), None)

        def listed(pattern: str = "*", kind: str | None = None, database: int = 0) -> set[bytes]:
            found: set[bytes] = set()
            cursor = None
            while True:
                page = keys.keys(database, pattern, kind, cursor, 9)
                found |= {facts.key for facts in page.keys}
                if (cursor := page.cursor) is None:
                    return found

        assert len(listed()) == 121
        assert listed(r"odd\[x\]\*") == listed(kind="list") == {b"odd[x]*"}
        assert len(listed("k:1*")) == 31
        with raises(Invalid, "database_absent"):
            listed(database=4096)
        with raises(Invalid, "cursor_invalid"):
            keys.keys(0, "*", None, "0 MATCH *", 9)


def keys_changes(subject: Subject) -> None:
    """Elements, names and whole values change only while the digest is the one that was read."""
    with subject.fresh() as place, _keys(subject, place) as keys:
        keys.change(0, b"h", Put("hash", [(b"a", b"1"), (b"b", b"2")]), None)
        keys.change(0, b"other", Put("string", [b"x"]), None)
        mark = keys.value(0, b"h", None, 10).digest
        keys.change(0, b"h", Elements(put=[(b"c", b"3")], remove=[b"a"]), mark)
        assert sorted(_whole(keys, b"h")) == [(b"b", b"2"), (b"c", b"3")]
        if mark is not None:
            for late in (Elements(put=[(b"d", b"4")]), Expire(_LATER), Rename(b"new"), Delete(), Put("string", [b"y"])):
                with raises(PreconditionFailed):
                    keys.change(0, b"h", late, mark)
        with raises(Conflict, "key_exists"):
            keys.change(0, b"h", Rename(b"other"), None)
        with raises(NotFound, "key_absent"):
            keys.change(0, b"nowhere", Elements(put=[(b"d", b"4")]), None)
        assert sorted(_whole(keys, b"h")) == [(b"b", b"2"), (b"c", b"3")]
        moved = keys.change(0, b"h", Rename(b"new"), None)
        assert moved is not None
        assert moved.key == b"new"
        assert keys.change(0, b"new", Delete(), None) is None
        assert {facts.key for facts in keys.keys(0, "*", None, None, 10).keys} == {b"other"}


def keys_read_only(subject: Subject) -> None:
    """A reader's session lists and reads, and changes nothing."""
    with subject.fresh() as place:
        with _keys(subject, place) as keys:
            keys.change(0, b"k", Put("string", [b"x"]), None)
        with _keys(subject, place, "ro") as keys:
            for edit in (Put("string", [b"y"]), Elements(put=[b"y"]), Expire(_LATER), Rename(b"new"), Delete()):
                with raises(Denied, "read_only"):
                    keys.change(0, b"k", edit, None)
            assert _whole(keys, b"k") == [b"x"]
            assert keys.value(0, b"k", None, 10).facts.expires_ms is None


CASES = {CanKeyValue: (keys_values, keys_pages, keys_changes, keys_read_only)}
