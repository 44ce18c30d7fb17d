"""What no user may do, whatever the words: a corpus, every command of the server, and words thrown together."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from valkey_places import SPEC, Servers, ask, capture, do

from holdfast.contract.conformance import Place
from holdfast.contract.spec import Access
from holdfast.engines.valkey import engine
from holdfast.engines.valkey.link import Refused, connect
from holdfast.engines.valkey.trial import NEVER
from holdfast.engines.valkey.words import COMMANDS, REFUSED, split
from holdfast.kernel.errors import Conflict, HoldfastError, LimitExceeded, NotFound
from holdfast.kernel.stop import Stop

CORPUS = (
    *NEVER, "SELECT 5", "MULTI", "EXEC", "DISCARD", "WATCH k", "RESET", "QUIT", "AUTH db_owner x", "HELLO 3 AUTH a b",
    "SUBSCRIBE c", "PSUBSCRIBE *", "SSUBSCRIBE c", "PUBLISH c m", "SPUBLISH c m", "PUBSUB CHANNELS",
    "BLMOVE a b LEFT LEFT 0",
    "BZPOPMIN z 0", "BLMPOP 0 1 l LEFT", "XREAD BLOCK 0 STREAMS x $", "XREADGROUP GROUP g c BLOCK 0 STREAMS x >",
    "WAIT 1 0", "WAITAOF 1 0 0", "CLIENT LIST", "CLIENT NO-EVICT ON", "CLIENT REPLY OFF", "CLIENT TRACKING ON",
    "CONFIG SET dir /tmp", "CONFIG SET requirepass x", "CONFIG REWRITE", "CONFIG RESETSTAT",
    "ACL SETUSER x on nopass +@all ~*",
    "ACL WHOAMI", "CLUSTER RESET", "FAILOVER", "LATENCY DOCTOR", "SLOWLOG GET", "COMMANDLOG GET 1 slow", "ROLE",
    "LASTSAVE", "OBJECT HELP x y z", "MEMORY DOCTOR x", "MEMORY PURGE", "PFDEBUG ENCODING k", "PFSELFTEST", "LOLWUT",
    "GEORADIUS g 0 0 1 km STORE k", "EVAL_RO 'return 1' 0", "FCALL_RO f 0", "SCRIPT LOAD x", "FUNCTION LOAD x",
    "MODULE LOAD /tmp/x.so", "MODULE LOADEX /tmp/x.so", "DEBUG SET-ACTIVE-EXPIRE 0", "DEBUG RELOAD", "DEBUG SEGFAULT",
    "REPLICAOF NO ONE", "REPLCONF capa eof", "RESTORE-ASKING k 0 x", "ASKING", "READONLY", "READWRITE", "SWAPDB 0 1",
    "XSETID x 1-1", "-n 16 GET k", "-n 128 KEYS *", "-n 999999 GET k", "-n -1 GET k", "-n GET k", "COPY k k DB 16",
    "COPY k k2 DB 128 REPLACE", "MOVE k 16", "PING\r\nCONFIG GET *", "PING\nFLUSHALL", "GET k\r\nDEL k",
    "*1\r\n$8\r\nFLUSHALL",
    '"CONFIG" GET *', "'config' get *", r'"CONF\x49G" GET *', "cOnFiG gEt dir", "\tCONFIG\tGET dir", "GETT k",
    "\x00GET k",
    "CONFIG\x00 GET dir", "ＣＯＮＦＩＧ GET dir",
)  # fmt: skip


@pytest.fixture
def state(place: Place) -> Iterator[Place]:
    """A place with a value of each kind; its configuration and users must not have changed at the end."""
    with connect(place.endpoint) as link:
        before = _settings(link)
        link.pipeline([("SET", "k", "v"), ("RPUSH", "l", "a", "b"), ("HSET", "h", "f", "1"), ("ZADD", "z", 1, "m"),
                       ("XADD", "x", "1-1", "f", "v"), ("SADD", "s", "a"), ("SET", "big", b"x" * 300_000)])  # fmt: skip
        link.command("SELECT", 16)
        link.command("SET", "beside", "kept")
    yield place
    with connect(place.endpoint) as link:
        assert _settings(link) == before
        link.command("SELECT", 16)
        assert link.command("GET", "beside") == b"kept"
        assert link.command("DBSIZE") == 1


def _settings(link: Any) -> Any:
    return link.command("CONFIG", "GET", "*"), link.command("ACL", "LIST"), link.command("CLIENT", "GETREDIR")


def held(place: Place) -> dict[str, tuple[int, str]]:
    session: Any = engine.connect(place.endpoint, place.tools)
    found: dict[str, tuple[int, str]] = session.digests((), Stop())
    return found


def outcome(place: Place, statement: str, *, write: bool) -> str | None:
    """The code a statement was refused with."""
    try:
        ask(place, statement, write=write, seconds=5)
    except HoldfastError as error:
        return error.code
    return None


def test_every_command_of_the_server_is_listed_or_refused(place: Place) -> None:
    """A newer server with more commands fails here until each was judged."""
    known = {name.decode().partition("|")[0] for name in do(place, "COMMAND", "LIST")}
    assert known == COMMANDS | REFUSED
    assert not COMMANDS & REFUSED


@pytest.mark.parametrize("write", [False, True])
def test_the_corpus_is_refused(state: Place, write: bool) -> None:
    before = held(state)
    for statement in CORPUS:
        assert outcome(state, statement, write=write) is not None, statement
        assert held(state) == before, statement


@pytest.mark.parametrize("access", ["owner", "rw", "ro"])
def test_the_rights_at_the_server_refuse_what_the_gateway_does(state: Place, access: Access) -> None:
    """The list is courtesy, the rights are the fence: the same words straight to the server, without the gateway."""
    before = held(state)
    allowed = {"punsubscribe", "unsubscribe", "sunsubscribe",
               "select", "multi", "exec", "discard", "watch", "unwatch", "reset", "quit", "auth", "hello", "keys",
               "publish", "spublish", "subscribe", "psubscribe", "ssubscribe", "pubsub", "asking", "readonly",
               "readwrite",
               "client", "wait", "lolwut", "eval_ro", "xread", "xreadgroup", "object", "get", "memory", "command",
               "copy",
               "move"}  # fmt: skip
    for name in sorted(REFUSED - allowed):
        with connect(state.endpoint, access) as link:
            (answer,) = link.pipeline([(name, "k", "0", "x")])
            assert isinstance(answer, Refused), name
            assert answer.code in ("NOPERM", "ERR"), (name, answer)
    for words in (("SELECT", 16), ("COPY", "k", "k", "DB", 16), ("MOVE", "k", 16), ("SWAPDB", 0, 16), ("FLUSHALL",),
                  ("CLIENT", "KILL", "TYPE", "normal"), ("CLIENT", "PAUSE", 9), ("MEMORY", "PURGE"),
                  ("BLPOP", "none", 0)):  # fmt: skip
        with connect(state.endpoint, access) as link, pytest.raises(Refused) as caught:
            link.command(*words)
        assert caught.value.code == "NOPERM", words
    assert held(state) == before


WORDS = st.one_of(
    st.sampled_from(
        [*sorted(COMMANDS | REFUSED), "-n", "16", "128", "0", "DB", "STORE", "k", "l", "h", "*", "?", '"', "'"]
    ),
    st.sampled_from(CORPUS),
    st.text(max_size=12),
    st.binary(max_size=8).map(lambda raw: '"' + "".join(f"\\x{byte:02x}" for byte in raw) + '"'),
)


@given(st.lists(WORDS, min_size=1, max_size=6), st.sampled_from([" ", "\n", "\r\n", "\t", ";", "\u2028"]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_words_of_a_reader_change_anything(state: Place, words: list[str], between: str) -> None:
    before = held(state)
    assert outcome(state, between.join(words), write=False) not in ("internal", "query_timeout")
    assert held(state) == before


@given(st.lists(WORDS, min_size=1, max_size=6))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_words_of_a_writer_leave_the_database(state: Place, words: list[str]) -> None:
    """What they change is theirs: `state` looks at the settings, the users and the neighbours afterwards."""
    assert outcome(state, " ".join(words), write=True) not in ("internal", "query_timeout")


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_line_is_split_or_refused(text: str) -> None:
    found: list[tuple[bytes, bool]] = []
    code = None
    try:
        found = split(text)
    except HoldfastError as error:
        code = error.code
    assert code in (None, "statement_invalid", "many_statements")
    assert all(isinstance(word, bytes) for word, _ in found)


@given(st.binary(max_size=60))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_argument_is_one_argument_whatever_is_in_it(place: Place, raw: bytes) -> None:
    ask(place, "SET ? ?", (b"\r\nk", raw), write=True)
    assert do(place, "GET", "\r\nk") == raw
    assert do(place, "DBSIZE") == 1


@pytest.mark.faults
def test_a_server_that_says_nothing_ends_at_the_time_limit(valkey_servers: Servers) -> None:
    with valkey_servers.fresh("silent") as place:
        lines = do(place, "INFO", "server").decode().splitlines()
        pid = next(int(line.split(":")[1]) for line in lines if line.startswith("process_id:"))
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(LimitExceeded) as caught:
                ask(place, "GET k", seconds=0.5)
            assert caught.value.code == "query_timeout"
        finally:
            os.kill(pid, signal.SIGCONT)
        assert ask(place, "PING")[0].rows == (("PONG",),)


def beside(place: Place, label: str) -> Place:
    made = engine.beside(place.endpoint, label)
    asyncio.run(engine.prepare(made, SPEC, place.tools))
    return replace(place, endpoint=made)


def test_what_stands_beside_is_no_part_of_a_snapshot_nor_of_the_limit(place: Place) -> None:
    do(place, "SET", "living", "x", db=15)
    limit = do(place, "CONFIG", "GET", "maxmemory")[0][1]
    candidate = beside(place, "new_1")
    with connect(candidate.endpoint) as link:
        link.select(15)
        link.command("SET", "not living", "x")
    assert int(do(place, "CONFIG", "GET", "maxmemory")[0][1]) == 2 * int(limit)
    source = capture(place)
    assert [(t.schema, t.name, t.rows) for t in source.manifest.tables] == [("15", "string", 1)]
    assert b"not living" not in source.files["dump.rdb"]
    asyncio.run(engine.prepare(place.endpoint, SPEC, place.tools))
    assert int(do(place, "CONFIG", "GET", "maxmemory")[0][1]) == 2 * int(limit), "a start must not evict"
    asyncio.run(engine.discard(candidate.endpoint, place.tools))
    assert do(place, "CONFIG", "GET", "maxmemory")[0][1] == limit
    with pytest.raises(NotFound), connect(candidate.endpoint):
        pass
    assert [user for user in do(place, "ACL", "USERS") if b":" in user] == []


def test_seven_stand_beside_and_no_more(place: Place) -> None:
    made = [beside(place, f"b_{number}") for number in range(7)]
    try:
        with pytest.raises(Conflict) as caught:
            beside(place, "b_7")
        assert caught.value.code == "no_room_beside"
        for one in made:
            with connect(one.endpoint, "owner") as link:
                link.command("SET", "k", one.endpoint.beside or "")
        with connect(made[3].endpoint, "owner") as link:
            link.command("FLUSHDB")
        found = []
        for one in made:
            with connect(one.endpoint, "ro") as link:
                found.append(link.command("GET", "k"))
        assert found == [b"b_0", b"b_1", b"b_2", None, b"b_4", b"b_5", b"b_6"]
        assert do(place, "DBSIZE") == 0
    finally:
        for one in made:
            asyncio.run(engine.discard(one.endpoint, place.tools))


def test_a_swap_ends_connections_and_refuses_the_impossible(place: Place) -> None:
    do(place, "SET", "k", "old")
    candidate, kept = beside(place, "new_1"), replace(place, endpoint=engine.beside(place.endpoint, "old_1"))
    with connect(candidate.endpoint) as link:
        link.command("SET", "k", "new")
    with pytest.raises(Conflict):
        asyncio.run(engine.swap(place.endpoint, kept.endpoint, engine.beside(place.endpoint, "x"), place.tools))
    with ExitStack() as stack:
        old = stack.enter_context(connect(place.endpoint, "owner"))
        asyncio.run(engine.swap(place.endpoint, candidate.endpoint, kept.endpoint, place.tools))
        assert do(place, "GET", "k") == b"new"
        with pytest.raises(OSError, match=r"closed|Broken|reset"):
            old.command("GET", "k")
    with connect(kept.endpoint, "ro") as link:
        assert link.command("GET", "k") == b"old"
    asyncio.run(engine.discard(kept.endpoint, place.tools))
    with pytest.raises(HoldfastError):
        asyncio.run(engine.discard(place.endpoint, place.tools))
    assert do(place, "GET", "k") == b"new"
