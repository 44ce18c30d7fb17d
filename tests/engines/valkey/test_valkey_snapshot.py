"""Snapshots of real servers: every type there and back, one moment under writes, and what happens when it breaks."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
from valkey_places import capture, do, restore, verify

from holdfast.contract.conformance import FaultySource, MemorySource, Place
from holdfast.contract.snapshot import RestoreRequest
from holdfast.engines.valkey import engine
from holdfast.engines.valkey.link import connect
from holdfast.kernel.errors import Cancelled, Conflict, HoldfastError
from holdfast.kernel.stop import Stop

AWKWARD = bytes(range(256))


def fill(place: Place) -> None:
    soon = int(time.time() * 1000)
    for words in (
        ("SET", "s", "text"), ("SET", AWKWARD, AWKWARD), ("SET", "", "empty key"), ("SET", "big", b"\0\xffx" * 400_000),
        ("SET", "gone", 1, "PX", 1), ("SET", "later", 1, "PXAT", soon + 3_600_123),
        ("RPUSH", "l", "a", "", AWKWARD, "a"), ("SADD", "set", *range(1000), "x"), ("SADD", "ints", 1, 2, 3),
        ("HSET", "h", "f", "v", "", ""), ("HSET", "bigh", *(f"f{n}" for n in range(2000))),
        ("ZADD", "z", "1.5", "a", "-inf", "b", "inf", "c"), ("XADD", "st", "1-1", "k", "v"),
        ("XGROUP", "CREATE", "st", "g", "0"), ("PFADD", "hll", *range(50)), ("SETBIT", "bits", 10_000, 1),
    ):  # fmt: skip
        do(place, *words)
    do(place, "SET", "other", "database", db=7)
    do(place, "EXPIREAT", "h", soon // 1000 + 7200)


def failed(place: Place, source: MemorySource) -> list[str]:
    verdict = verify(place, source)
    assert verdict.checks
    return [check.name for check in verdict.checks if check.ok is False]


def test_every_type_goes_round(place: Place, target: Place) -> None:
    fill(place)
    source = capture(place)
    restore(target, source)
    assert failed(target, source) == []
    assert failed(place, source) == []
    assert do(target, "GET", AWKWARD) == AWKWARD
    assert do(target, "GET", "") == b"empty key"
    assert do(target, "GET", "big") == b"\0\xffx" * 400_000
    assert do(target, "LRANGE", "l", 0, -1) == [b"a", b"", AWKWARD, b"a"]
    assert do(target, "ZRANGE", "z", 0, -1) == [b"b", b"a", b"c"]
    assert do(target, "XRANGE", "st", "-", "+") == [[b"1-1", [b"k", b"v"]]]
    assert len(do(target, "XINFO", "GROUPS", "st")) == 1
    assert do(target, "GET", "other", db=7) == b"database"
    assert do(target, "EXISTS", "gone") == 0
    for key in ("later", "h"):
        assert do(target, "PEXPIRETIME", key) == do(place, "PEXPIRETIME", key) > 0


@pytest.mark.parametrize(
    "change",
    [("SET", "s", "texu"), ("RPUSH", "l", "more"), ("PEXPIRE", "later", 50_000), ("PERSIST", "h"), ("DEL", "z")],
)
def test_one_change_is_noticed(place: Place, change: tuple[str, ...]) -> None:
    fill(place)
    source = capture(place)
    do(place, *change)
    assert failed(place, source)


def test_an_empty_server_has_a_snapshot(place: Place, target: Place) -> None:
    source = capture(place)
    restore(target, source)
    assert failed(target, source) == []
    assert source.manifest.tables == ()


def test_expired_keys_do_not_fail_the_rest(place: Place, target: Place) -> None:
    do(place, "SET", "short", 1, "PX", 1200)
    do(place, "SET", "long", 1, "EX", 600)
    source = capture(place)
    time.sleep(1.3)
    restore(target, source)
    assert failed(target, source) == []
    do(target, "DEL", "long")
    assert failed(target, source) == ["sampled expiries of 0.string"]


def test_one_moment_under_writes(place: Place, target: Place) -> None:
    for n in range(3000):
        do(place, "SET", f"pad{n}", "x" * 200) if n % 100 == 0 else None
    halt = threading.Event()

    def write() -> None:
        with connect(place.endpoint) as link:
            n = 0
            while not halt.is_set():
                n += 1
                link.pipeline([("MULTI",), ("INCRBY", "a", n), ("DECRBY", "b", n), ("RPUSH", "log", n), ("EXEC",)])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        time.sleep(0.2)
        source = capture(place)
    finally:
        halt.set()
        writer.join()
    restore(target, source)
    assert failed(target, source) == []
    assert int(do(target, "GET", "a")) + int(do(target, "GET", "b")) == 0
    log = [int(n) for n in do(target, "LRANGE", "log", 0, -1)]
    assert log == list(range(1, len(log) + 1))
    assert sum(log) == int(do(target, "GET", "a"))


def test_a_source_that_dies_leaves_nothing(place: Place, target: Place) -> None:
    fill(place)
    source = capture(place)
    for after in (0, source.size("dump.rdb") // 2, source.size("dump.rdb") - 1):
        with pytest.raises(HoldfastError):
            restore(target, FaultySource(source, after))
        assert do(target, "DBSIZE") == 0
    late = Stop()
    with pytest.raises(Cancelled):
        restore(target, source, RestoreRequest(progress=lambda _: late.stop()), late)
    assert do(target, "DBSIZE") == 0


def test_a_full_target_and_a_clash_are_refused(place: Place, target: Place) -> None:
    fill(place)
    source = capture(place)
    do(target, "SET", "s", "mine")
    with pytest.raises(Conflict):
        restore(target, source)
    with pytest.raises(Conflict):
        restore(target, source, RestoreRequest(into="existing"))
    assert do(target, "GET", "s") == b"mine"
    assert do(target, "DBSIZE") == 1
    restore(target, source, RestoreRequest(into="existing", select=("0.list",)))
    assert sorted(do(target, "KEYS", "*")) == [b"l", b"s"]


def test_readable_and_broken(place: Place) -> None:
    fill(place)
    source = capture(place)
    assert engine.readable(source, place.tools, Stop()).ok
    data = source.files["dump.rdb"]
    flipped = data[:-100] + bytes([data[-100] ^ 1]) + data[-99:]
    for bad in (data[: len(data) // 2], b"\0" * 64 + data[64:], flipped, b""):
        broken = MemorySource(source.manifest, {"dump.rdb": bad}, source.companions)
        assert not engine.readable(broken, place.tools, Stop()).ok
    for text in source.companions.values():
        assert not any(secret.encode() in text for secret in place.endpoint.secrets.values())


def test_a_wrong_password_is_refused(place: Place) -> None:
    wrong = replace(place.endpoint, secrets=dict.fromkeys(place.endpoint.secrets, "wrong"))
    with pytest.raises(HoldfastError) as caught, connect(wrong):
        pass
    assert caught.value.code == "login_refused"
