"""The shipped suite over the Redis 7.0 of Debian as the engine's software; what it lacks is left out by OLDER."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
from valkey_places import Servers, ask, do, servers

from holdfast.contract.conformance import CASES, Place
from holdfast.contract.conformance.suite import run_case
from holdfast.contract.engine import Engine
from holdfast.contract.spec import Spec
from holdfast.engines.valkey import engine
from holdfast.engines.valkey.link import connect
from holdfast.engines.valkey.spec import REDIS, ValkeySpec
from holdfast.engines.valkey.trial import HOSTED_REDIS
from holdfast.kernel.errors import Denied, Invalid

SPEC = ValkeySpec(version=REDIS)
QUICK = ("prepare_twice", "round_trip", "query_read_only", "swap_in_place", "query_denied")


class RedisSubject:
    dialect = HOSTED_REDIS

    def __init__(self, servers: Servers) -> None:
        self.engine: Engine = engine
        self.spec: Spec = SPEC
        self._servers = servers

    def fresh(self, name: str = "app") -> AbstractContextManager[Place]:
        return self._servers.fresh(name)


@pytest.fixture(scope="module")
def redis_servers() -> Iterator[Servers]:
    with servers(SPEC) as found:
        yield found


def run(name: str, found: Servers) -> None:
    result = run_case(name, RedisSubject(found))
    assert result.ok, result.detail
    assert not result.detail.startswith("not applicable"), result.detail


@pytest.mark.parametrize("name", [name for name in CASES if name in QUICK])
def test_conformance_redis(name: str, redis_servers: Servers) -> None:
    run(name, redis_servers)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CASES if name not in QUICK])
def test_conformance_redis_in_full(name: str, redis_servers: Servers) -> None:
    run(name, redis_servers)


def test_nobody_reaches_what_stands_beside(redis_servers: Servers) -> None:
    """Redis has no rule for databases: SELECT is allowed for the users' own only, COPY and MOVE not at all."""
    with redis_servers.fresh() as place:
        asyncio.run(engine.prepare(engine.beside(place.endpoint, "old_1"), SPEC, place.tools))
        do(place, "SET", "kept", "beside", db=16)
        do(place, "SET", "mine", "x")
        for access in ("owner", "rw", "ro"):
            with connect(place.endpoint, access) as link:
                answers = link.pipeline([("SELECT", 15), ("SELECT", 16), ("SELECT", 128), ("SELECT", "016")])
                assert [str(answer).split(" ")[0] for answer in answers] == ["OK", "NOPERM", "NOPERM", "NOPERM"]
            for words in ("COPY mine mine DB 16", "MOVE mine 16", "SWAPDB 0 16"):
                with pytest.raises((Denied, Invalid)):
                    ask(place, words, access=access, write=True)
        assert do(place, "DBSIZE", db=16) == 1
        assert do(place, "GET", "mine") == b"x"
        user = replace(place.endpoint, beside="old_1")
        with connect(user, "ro") as link:
            assert link.command("GET", "kept") == b"beside"
