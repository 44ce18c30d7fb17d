"""Keys listed, read in parts and changed: every type, any bytes, big ones, and two editors at once."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from valkey_places import do

from holdfast.contract.conformance import Place
from holdfast.contract.keyspace import CanKeyValue, Delete, Elements, Expire, Put, Rename
from holdfast.engines.valkey import engine
from holdfast.engines.valkey.link import connect
from holdfast.kernel.errors import Conflict, Denied, HoldfastError, Invalid, LimitExceeded, NotFound, PreconditionFailed
from holdfast.kernel.stop import Stop

ANY = bytes(range(256)) + b"\r\n*1\r\n"
LATER = 4_102_444_800_123


def keyed(place: Place, access: Any = "owner") -> CanKeyValue:
    session = engine.connect(place.endpoint, place.tools, access)
    assert isinstance(session, CanKeyValue)
    return session


def all_keys(
    place: Place, pattern: str = "*", kind: str | None = None, limit: int = 50, database: int = 0
) -> list[Any]:
    found, cursor = [], None
    while True:
        page = keyed(place, "ro").keys(database, pattern, kind, cursor, limit)
        found += page.keys
        if (cursor := page.cursor) is None:
            return found


def whole(place: Place, key: bytes, limit: int = 100) -> list[Any]:
    found, cursor = [], None
    while True:
        part = keyed(place, "ro").value(0, key, cursor, limit)
        found += part.elements
        if (cursor := part.cursor) is None:
            return found


def test_keys_are_listed_in_pages_with_what_they_are(place: Place) -> None:
    with connect(place.endpoint) as link:
        link.pipeline([("SET", f"k:{n}", n) for n in range(700)])
    do(place, "RPUSH", ANY, "a", "b")
    do(place, "SET", "odd[x]*", "12345", "PXAT", LATER)
    do(place, "SET", "else", 1, db=15)
    listed = {facts.key: facts for facts in all_keys(place)}
    assert len(listed) == 702
    assert (listed[ANY].type, listed[ANY].size, listed[ANY].expires_ms) == ("list", 2, None)
    odd = listed[b"odd[x]*"]
    assert (odd.type, odd.size, odd.expires_ms) == ("string", 5, LATER)
    assert odd.memory is not None
    assert odd.memory > 5
    assert [facts.key for facts in all_keys(place, r"odd\[x\]\*")] == [b"odd[x]*"]
    assert [facts.key for facts in all_keys(place, kind="list")] == [ANY]
    assert len(all_keys(place, "k:1*", limit=7)) == 111
    assert [facts.key for facts in all_keys(place, database=15)] == [b"else"]
    for wrong in ({"kind": "nonsense"}, {"database": 16}, {"database": 128}):
        with pytest.raises(Invalid):
            all_keys(place, **wrong)
    with pytest.raises(Invalid) as caught:
        keyed(place).keys(0, "*", None, "0 MATCH *", 10)
    assert caught.value.code == "cursor_invalid"


VALUES: tuple[tuple[Any, list[Any]], ...] = (
    ("string", [ANY]),
    ("string", [b""]),
    ("list", [b"a", b"", ANY, b"a"]),
    ("set", [b"", ANY]),
    ("hash", [(b"", ANY), (ANY, b"")]),
    ("zset", [(b"low", float("-inf")), (ANY, 1.5), (b"", float("inf"))]),
    ("stream", [("1-1", ((b"f", ANY), (b"f", b""))), ("2-0", ((b"", b""),))]),
)


@pytest.mark.parametrize(("kind", "elements"), VALUES)
def test_every_type_is_written_and_read(place: Place, kind: Any, elements: list[Any]) -> None:
    facts = keyed(place).change(0, ANY, Put(kind, elements, LATER, only_new=True), None)
    assert facts is not None
    assert (facts.type, facts.expires_ms) == (kind, LATER)
    assert sorted(whole(place, ANY)) == sorted(elements)
    with pytest.raises(Conflict) as caught:
        keyed(place).change(0, ANY, Put("string", [b"x"], only_new=True), None)
    assert caught.value.code == "key_exists"
    assert sorted(whole(place, ANY)) == sorted(elements)
    keyed(place).change(0, ANY, Put("string", [b"x"]), None)
    assert (whole(place, ANY), do(place, "PTTL", ANY)) == ([b"x"], -1)


def test_big_values_come_in_parts(place: Place) -> None:
    with connect(place.endpoint) as link:
        link.pipeline([("RPUSH", "list", n) for n in range(1000)] + [("ZADD", "zset", n, n) for n in range(1000)])
        link.pipeline([("HSET", "hash", n, n) for n in range(3000)] + [("SADD", "set", n, "x") for n in range(3000)])
        link.pipeline([("XADD", "stream", f"{n}-1", "n", n) for n in range(1, 301)])
        link.command("SET", "string", b"0123456789" * 100_000)
    assert whole(place, b"list", 7) == [b"%d" % n for n in range(1000)]
    assert whole(place, b"zset", 333) == [(b"%d" % n, float(n)) for n in range(1000)]
    assert dict(whole(place, b"hash", 100)) == {b"%d" % n: b"%d" % n for n in range(3000)}
    assert len(set(whole(place, b"set", 100))) == 3001
    assert [name for name, _ in whole(place, b"stream", 100)] == [f"{n}-1" for n in range(1, 301)]
    assert b"".join(whole(place, b"string")) == b"0123456789" * 100_000
    part = keyed(place, "ro").value(0, b"list", "995", 10)
    assert (part.offset, part.elements, part.cursor) == (995, (b"995", b"996", b"997", b"998", b"999"), None)
    with connect(place.endpoint) as link:
        link.pipeline([("RPUSH", "fat", b"x" * 5_000_000) for _ in range(5)])
    with pytest.raises(LimitExceeded):
        whole(place, b"fat", 5)
    assert [len(one) for one in whole(place, b"fat", 1)] == [5_000_000] * 5


def test_single_elements_change(place: Place) -> None:
    session = keyed(place)
    for key, kind, elements in ((b"l", "list", [b"a", b"b", b"c", b"d"]), (b"h", "hash", [(b"f", b"1")]),
                                (b"s", "set", [b"a"]), (b"z", "zset", [(b"a", 1)]), (b"t", "string", [b"x"]),
                                (b"x", "stream", [("5-0", ((b"a", b"b"),))])):  # fmt: skip
        session.change(0, key, Put(kind, elements, LATER), None)  # type: ignore[arg-type]
    session.change(0, b"l", Elements(put=[(1, b"B"), (None, b"e"), (-1, b"D")], remove=[0, -2]), None)
    assert whole(place, b"l") == [b"B", b"D", b"e"]
    session.change(0, b"h", Elements(put=[(b"f", b"2"), (b"g", b"")], remove=[b"nothing"]), None)
    assert dict(whole(place, b"h")) == {b"f": b"2", b"g": b""}
    session.change(0, b"s", Elements(put=[b"b"], remove=[b"a"]), None)
    session.change(0, b"z", Elements(put=[(b"a", 2.5), (b"b", "-inf")]), None)
    session.change(0, b"t", Elements(put=[b"y"]), None)
    session.change(0, b"x", Elements(put=[("6-1", [(b"c", b"d")]), ("*", [(b"e", b"f")])], remove=["5-0"]), None)
    assert (whole(place, b"s"), whole(place, b"z"), whole(place, b"t")) == (
        [b"b"],
        [(b"b", float("-inf")), (b"a", 2.5)],
        [b"y"],
    )
    assert [fields for _, fields in whole(place, b"x")] == [((b"c", b"d"),), ((b"e", b"f"),)]
    for key in b"lhsztx":
        assert do(place, "PEXPIRETIME", bytes([key])) == LATER
    assert session.change(0, b"s", Elements(remove=[b"b"]), None) is None


WRONG: tuple[tuple[bytes, Any, type[HoldfastError]], ...] = (
    (b"l", Elements(put=[(0, b"X"), (9, b"beyond")]), Invalid),
    (b"l", Elements(put=[(0, b"X")], remove=[True]), Invalid),
    (b"l", Elements(), Invalid),
    (b"x", Elements(put=[("9-0", [(b"a", b"b")]), ("8-0", [(b"a", b"b")])]), Invalid),
    (b"x", Elements(put=[("*", [(b"a", b"b")]), ("9-0", [(b"a", b"b")])]), Invalid),
    (b"x", Elements(put=[("1-0", [(b"a", b"b")])]), Invalid),
    (b"x", Elements(put=[("9-0", [])]), Invalid),
    (b"z", Elements(put=[(b"a", float("nan"))]), Invalid),
    (b"z", Elements(put=[(b"a", "one")]), Invalid),
    (b"z", Elements(put=[b"a"]), Invalid),
    (b"l", Put("stream", [("2-0", [(b"a", b"b")]), ("1-0", [(b"a", b"b")])]), Invalid),
    (b"l", Put("string", [b"a", b"b"]), Invalid),
    (b"l", Put("string", [b"a"], expires_ms=2**62), Invalid),
    (b"l", Put("hash", []), Invalid),
    (b"l", Put("hash", [(b"a", 7)]), Invalid),
    (b"l", Expire(-5), Invalid),
    (b"l", Rename(b"z"), Conflict),
    (b"absent", Expire(None), NotFound),
    (b"absent", Delete(), NotFound),
    (b"absent", Rename(b"n"), NotFound),
    (b"absent", Elements(put=[b"a"]), NotFound),
)


@pytest.mark.parametrize(("key", "edit", "error"), WRONG)
def test_a_wrong_edit_changes_nothing(place: Place, key: bytes, edit: Any, error: type[HoldfastError]) -> None:
    """A MULTI is not taken back: what could fail in its middle is found before it."""
    do(place, "RPUSH", "l", "a", "b")
    do(place, "ZADD", "z", 1, "a")
    do(place, "XADD", "x", "5-0", "a", "b")
    before = engine.connect(place.endpoint, place.tools).digests((), Stop())  # type: ignore[attr-defined]
    with pytest.raises(error):
        keyed(place).change(0, key, edit, None)
    assert engine.connect(place.endpoint, place.tools).digests((), Stop()) == before  # type: ignore[attr-defined]


def test_expiry_names_and_deletion(place: Place) -> None:
    session = keyed(place)
    do(place, "SET", "a", 1)
    session.change(0, b"a", Expire(LATER), None)
    assert do(place, "PEXPIRETIME", "a") == LATER
    facts = session.change(0, b"a", Rename(ANY), None)
    assert facts is not None
    assert (facts.key, facts.expires_ms) == (ANY, LATER)
    session.change(0, ANY, Expire(None), None)
    assert do(place, "PTTL", ANY) == -1
    assert session.change(0, ANY, Expire(int(time.time() * 1000) - 1), None) is None
    do(place, "SET", "b", 1)
    assert session.change(0, b"b", Delete(), None) is None
    assert do(place, "DBSIZE") == 0


def test_the_digest_guards_value_and_expiry(place: Place) -> None:
    session = keyed(place)
    do(place, "HSET", "h", "f", "1")
    seen = session.value(0, b"h", None, 10).digest
    assert seen
    session.change(0, b"h", Elements(put=[(b"f", b"2")]), seen)
    for change in (("HSET", "h", "f", "3"), ("EXPIRE", "h", 1000), ("DEL", "h")):
        now = session.value(0, b"h", None, 10).digest
        do(place, *change)
        with pytest.raises(PreconditionFailed):
            session.change(0, b"h", Elements(put=[(b"f", b"late")]), now)
    assert do(place, "EXISTS", "h") == 0


def test_a_change_between_the_look_and_the_write_is_noticed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """WATCH stands before the digest is compared: a writer in that gap makes the edit fail."""
    from holdfast.engines.valkey import browse

    do(place, "SET", "k", "1")
    seen = keyed(place).value(0, b"k", None, 1).digest
    plain = browse.digest

    def then_someone_writes(*given: Any) -> str | None:
        found = plain(*given)
        do(place, "SET", "k", "theirs")
        return found

    monkeypatch.setattr(browse, "digest", then_someone_writes)
    with pytest.raises(PreconditionFailed):
        keyed(place).change(0, b"k", Put("string", [b"mine"]), seen)
    assert do(place, "GET", "k") == b"theirs"


def test_readers_cannot_change(place: Place) -> None:
    do(place, "SET", "k", "kept", "PXAT", LATER)
    for edit in (Put("string", [b"x"]), Elements(put=[b"x"]), Expire(None), Rename(b"n"), Delete()):
        with pytest.raises(Denied) as caught:
            keyed(place, "ro").change(0, b"k", edit, None)
        assert caught.value.code == "read_only"
    assert (do(place, "GET", "k"), do(place, "PEXPIRETIME", "k"), do(place, "DBSIZE")) == (b"kept", LATER, 1)


@given(
    st.binary(max_size=40), st.lists(st.tuples(st.binary(max_size=30), st.binary(max_size=30)), min_size=1, max_size=8)
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_go_round(place: Place, key: bytes, pairs: list[tuple[bytes, bytes]]) -> None:
    keyed(place).change(0, key, Put("hash", pairs), None)
    assert dict(whole(place, key)) == dict(pairs)
    keyed(place).change(0, key, Put("list", [word for pair in pairs for word in pair]), None)
    assert whole(place, key) == [word for pair in pairs for word in pair]
