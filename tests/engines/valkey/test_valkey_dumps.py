"""RDB files that are taken in: a server's own, cut off, damaged, from a later version."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from valkey_places import do

from holdfast.contract.conformance import Place
from holdfast.contract.dumps import Dump
from holdfast.engines.valkey import engine, scratch
from holdfast.engines.valkey.spec import ValkeySpec
from holdfast.engines.valkey.taking import take
from holdfast.kernel.errors import Invalid
from holdfast.kernel.stop import Stop

pytestmark = pytest.mark.slow
KEY = "a\"b'; --\x00ü"


def rdb(place: Place) -> bytes:
    with scratch.directory(place.tools) as directory:
        take(place.endpoint, place.tools, directory, Stop())
        return (directory / scratch.ENTRY).read_bytes()


def pieces(content: bytes) -> Iterator[bytes]:
    return iter([content[at : at + 1000] for at in range(0, len(content), 1000)])


def taken_in(target: Place, content: bytes) -> None:
    dump = engine.recognised(content[:65536], ValkeySpec())
    assert isinstance(dump, Dump)
    engine.take_in(target.endpoint, target.tools, dump, pieces(content), Stop())


def test_an_rdb_comes_in_whole_or_not_at_all(place: Place, target: Place) -> None:
    do(place, "SET", KEY, "x" * 5000)
    do(place, "ZADD", "z", 1, "one")
    do(place, "SET", "soon", "gone", "EX", "1000")
    do(place, "SET", "there", "2", db=3)
    whole = rdb(place)
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 1
    later = whole.replace(whole[:9], whole[:6] + b"999" if whole.startswith(b"VALKEY") else b"REDIS9999", 1)
    for bad, code in ((whole[:-20], "dump_unreadable"), (bytes(damaged), "dump_unreadable"), (later, "dump_newer")):
        with pytest.raises(Invalid) as caught:
            taken_in(target, bad)
        assert caught.value.code == code, caught.value.as_dict()
        assert do(target, "DBSIZE") == 0
    taken_in(target, whole)
    assert do(target, "DBSIZE") == 3
    assert do(target, "GET", KEY) == b"x" * 5000 or do(target, "GET", KEY) == "x" * 5000
    assert 0 < int(do(target, "TTL", "soon")) <= 1000
    assert do(target, "DBSIZE", db=3) == 1


def test_only_its_own_is_recognised() -> None:
    for other in (b"PGDMP", b"SQLite format 3\0", b"-- SQL\n", b"", b"REDIS"):
        assert engine.recognised(other, None) is None
