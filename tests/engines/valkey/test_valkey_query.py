"""Commands through the gateway: what is bound, limited and refused; and the users' own rights at the server."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from valkey_places import SPEC, Servers, ask, do

from holdfast.contract.conformance import Place
from holdfast.engines.valkey import engine
from holdfast.engines.valkey.link import Refused, connect
from holdfast.engines.valkey.words import split
from holdfast.kernel.errors import Cancelled, Denied, HoldfastError, Invalid
from holdfast.kernel.stop import Stop


def rows(place: Place, statement: str, params: Any = (), **limits: Any) -> list[Any]:
    return [row for batch in ask(place, statement, params, **limits) for row in batch.rows]


def test_parameters_are_arguments(place: Place) -> None:
    nasty = 'x"\r\nFLUSHALL\r\n? :a é'
    rows(place, "SET ? ?", ("k ?", nasty), write=True)
    assert rows(place, "GET ?", ("k ?",)) == [(nasty,)]
    assert rows(place, "GET :key", {"key": "k ?"}) == [(nasty,)]
    assert rows(place, 'GET "k ?"') == [(nasty,)]
    for params in ((), (1, 2)):
        with pytest.raises(Invalid) as caught:
            ask(place, "GET ?", params)
        assert caught.value.code == "params_invalid"


def test_shapes(place: Place) -> None:
    do(place, "HSET", "h", "a", 1)
    do(place, "ZADD", "z", 1.5, "m")
    do(place, "SET", "raw", b"\xff")
    assert rows(place, "HGETALL h") == [("a", "1")]
    assert rows(place, "ZRANGE z 0 -1 WITHSCORES") == [(["m", 1.5],)]
    assert rows(place, "GET nothing") == [(None,)]
    assert rows(place, "GET raw") == [(b"\xff",)]
    assert rows(place, "LRANGE nothing 0 -1") == []
    assert ask(place, "DEL h z", write=True)[-1].affected == 2


def test_limits(place: Place) -> None:
    do(place, "RPUSH", "l", *(f"{n:05}" for n in range(5000)))
    found = ask(place, "LRANGE l 0 -1", rows=1234, batch_rows=100)
    assert sum(len(batch.rows) for batch in found) == 1234
    assert (found[-1].truncated, len(found)) == ("rows", 13)
    assert ask(place, "LRANGE l 0 -1", rows=9999, bytes=1000)[-1].truncated == "bytes"
    do(place, "SET", "big", b"x" * 3_000_000)
    assert ask(place, "GET big", bytes=1000)[-1].truncated == "bytes"
    stop = Stop()
    stop.stop()
    with pytest.raises(Cancelled):
        ask(place, "PING", stop=stop)


@pytest.mark.parametrize("statement", ["SET k v", "DEL k", "FLUSHDB", "EXPIRE k 1", "COPY k k2", "SORT l STORE k"])
def test_readers_cannot_write(place: Place, statement: str) -> None:
    do(place, "SET", "k", "kept")
    with pytest.raises(Denied) as caught:
        ask(place, statement)
    assert caught.value.code == "read_only"
    assert do(place, "GET", "k") == b"kept"


NEVER = (
    "CONFIG GET *", "SHUTDOWN NOSAVE", "DEBUG SLEEP 0", "REPLICAOF 127.0.0.1 1", "EVAL 'return 1' 0", "ACL LIST",
    "MIGRATE h 1 k 0 1", "MODULE LIST", "FUNCTION LIST", "CLIENT KILL TYPE normal", "SAVE", "BGSAVE", "PSYNC ? -1",
    "SWAPDB 0 1", "MONITOR", "BLPOP l 0", "SCRIPT FLUSH", "RESTORE k 0 x", "CLIENT PAUSE 1000",
)  # fmt: skip


@pytest.mark.parametrize("statement", NEVER)
def test_dangerous_commands_are_refused_twice(place: Place, statement: str) -> None:
    """By the gateway's list, and by the server to each of the three users."""
    with pytest.raises(HoldfastError):
        ask(place, statement.replace("? -1", "x -1"), write=True)
    words = [word for word, _ in split(statement)]
    for access in ("owner", "rw", "ro"):
        with connect(place.endpoint, access) as link:  # type: ignore[arg-type]
            with pytest.raises(Refused) as caught:
                link.command(*words)
            assert caught.value.code == "NOPERM", access


def test_errors_have_our_words(place: Place) -> None:
    do(place, "SET", "k", "text")
    for statement in ("", "   ", "GET", "LPUSH k x", 'GET "open'):
        with pytest.raises(Invalid) as caught:
            ask(place, statement, write=True)
        assert caught.value.code == "statement_invalid"


def test_inspect_counts_by_type(place: Place) -> None:
    with connect(place.endpoint) as link:
        link.pipeline([("SET", f"k{n}", n) for n in range(3000)] + [("SADD", "s", 1)])
    session = engine.connect(place.endpoint, place.tools)
    full = asyncio.run(session.inspect("full"))
    assert {(r.schema, r.name): r.rows for r in full.relations} == {("0", "set"): 1, ("0", "string"): 3000}
    shallow = asyncio.run(session.inspect())
    assert abs(sum(r.rows or 0 for r in shallow.relations) - 3001) <= 3


def test_prepare_twice(place: Place) -> None:
    do(place, "SET", "k", 1)
    for _ in range(2):
        asyncio.run(engine.prepare(place.endpoint, SPEC, place.tools))
    assert do(place, "GET", "k") == b"1"


def _configuration(servers: Servers, place: Place) -> Path:
    found = servers.directory.glob("srv_*/data/valkey.conf")
    return next(path for path in found if str(place.endpoint.sockets) in path.read_text())


def _pid(place: Place) -> int:
    lines = do(place, "INFO", "server").decode().splitlines()
    return next(int(line.split(":")[1]) for line in lines if line.startswith("process_id:"))


@pytest.mark.faults
def test_killed_between_writes(valkey_servers: Servers) -> None:
    """kill -9: the next command is Retryable; started again on the same files, every acknowledged write is there."""
    with valkey_servers.fresh("killed") as place:
        pid = _pid(place)
        argv = [os.readlink(f"/proc/{pid}/exe"), str(_configuration(valkey_servers, place))]
        with connect(place.endpoint) as link:
            for number in range(2000):
                assert link.command("RPUSH", "log", number) == number + 1
            os.kill(pid, signal.SIGKILL)
        while _alive(pid):
            time.sleep(0.01)
        with pytest.raises(HoldfastError) as caught:
            ask(place, "GET k")
        assert caught.value.retryable
        again = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            assert _length(place) == 2000
        finally:
            again.kill()
            again.wait()


def _alive(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def _length(place: Place) -> int:
    for _ in range(200):
        try:
            return int(do(place, "LLEN", "log"))
        except HoldfastError as error:
            if not error.retryable:
                raise
            time.sleep(0.03)
    raise AssertionError("the server did not come back")
