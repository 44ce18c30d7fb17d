"""Every statement of the corpus with every right: nothing outside of it changes, and the line is clean afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from corpus_postgresql import CASES
from fuzzing import examples
from hypothesis import given
from hypothesis import strategies as st
from mutations import written_otherwise
from pg_server import Cluster, execute, user_session

from holdfast.contract.conformance import Place
from holdfast.contract.query import QueryLimits
from holdfast.contract.spec import Access
from holdfast.engines.postgresql import engine, link
from holdfast.engines.postgresql.names import elsewhere
from holdfast.engines.postgresql.spec import PostgresqlSpec
from holdfast.kernel.errors import HoldfastError

SECONDS = 0.3
LONGEST = 4.0
ACCESS: tuple[Access, ...] = ("ro", "rw", "owner")

# What belongs to the server and to others: no right to one database changes any of it.
OUTSIDE = """
SELECT 'role', to_jsonb(a)::text FROM pg_authid a
UNION ALL SELECT 'member', to_jsonb(m)::text FROM pg_auth_members m
UNION ALL SELECT 'setting', to_jsonb(s)::text FROM pg_db_role_setting s
UNION ALL SELECT 'database', (to_jsonb(d) - 'datfrozenxid' - 'datminmxid')::text FROM pg_database d
UNION ALL SELECT 'tablespace', spcname::text FROM pg_tablespace
UNION ALL SELECT 'slot', slot_name::text FROM pg_replication_slots
UNION ALL SELECT 'subscription', subname::text FROM pg_subscription
UNION ALL SELECT 'prepared', gid FROM pg_prepared_xacts
UNION ALL SELECT 'configuration', name || setting FROM pg_settings WHERE source = 'configuration file'
UNION ALL SELECT 'advisory', objid::text FROM pg_locks WHERE locktype = 'advisory'
UNION ALL SELECT 'file', f FROM pg_ls_dir('.') f
"""
# What a reader must leave alone too.
INSIDE = """
SELECT 'row', to_jsonb(t)::text FROM public.t
UNION ALL SELECT 'sequence', last_value::text || is_called::text FROM public.t_seq
UNION ALL SELECT 'class', relname::text || relkind::text || coalesce(relacl::text, '') FROM pg_class WHERE oid >= 16384
UNION ALL SELECT 'function', proname::text FROM pg_proc WHERE oid >= 16384
UNION ALL SELECT 'extension', extname::text FROM pg_extension
UNION ALL SELECT 'large', oid::text FROM pg_largeobject_metadata
UNION ALL SELECT 'trigger', evtname::text FROM pg_event_trigger
UNION ALL SELECT 'comment', description FROM pg_description WHERE objoid >= 16384
"""
LEFT_BEHIND = """
SELECT current_user::text, session_user::text, current_setting('default_transaction_read_only'),
  current_setting('transaction_read_only'), current_setting('statement_timeout'), current_setting('search_path'),
  current_setting('client_encoding'), current_setting('TimeZone'), current_setting('DateStyle'),
  current_setting('bytea_output'), current_setting('application_name'), current_setting('row_security'),
  current_setting('standard_conforming_strings'), current_setting('work_mem'), current_setting('lock_timeout'),
  coalesce(current_setting('my.custom', true), ''),
  (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_cursors),
  (SELECT count(*) FROM pg_listening_channels()),
  (SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema()),
  (SELECT count(*) FROM pg_proc WHERE pronamespace = pg_my_temp_schema()),
  (SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'),
  lower('ABC'), (SELECT count(*) FROM public.t WHERE id = 666)
"""
PUBLIC = (
    "CREATE TABLE IF NOT EXISTS t (id int PRIMARY KEY, note text)",
    "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c') ON CONFLICT DO NOTHING",
    "CREATE SEQUENCE IF NOT EXISTS t_seq",
    "CREATE MATERIALIZED VIEW IF NOT EXISTS mv AS SELECT count(*) FROM t",
)


@dataclass
class There:
    place: Place
    admin: psycopg.Connection[Any]
    neighbours: dict[str, psycopg.Connection[Any]]
    directory: Path

    def outside(self) -> Sequence[tuple[Any, ...]]:
        return sorted(self.admin.execute(OUTSIDE).fetchall())

    def inside(self) -> Sequence[tuple[Any, ...]]:
        return sorted(self.admin.execute(INSIDE).fetchall())

    def written(self, case: str) -> str:
        pid = str(self.neighbours["owner"].info.backend_pid)
        words = {"{dir}": str(self.directory), "{other}": "other", "{pid}": pid}
        for slot, word in words.items():
            case = case.replace(slot, word)
        return case

    def canary(self) -> None:
        with link.connect(elsewhere(self.place.endpoint, "other")) as other:
            assert other.execute("SELECT word FROM public.canary").fetchall() == [("alive",)]
        for role, session in self.neighbours.items():
            assert session.execute("SELECT 1, current_setting('my.neighbour')").fetchall() == [(1, role)]
        assert list(self.directory.iterdir()) == []


@pytest.fixture(scope="module")
def there(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    directory = tmp_path_factory.mktemp("open")
    directory.chmod(0o777)
    with cluster.fresh("app") as place:
        execute(place, *PUBLIC)
        with link.connect(elsewhere(place.endpoint, "postgres")) as admin:
            admin.execute("CREATE DATABASE other")
            admin.execute("REVOKE ALL ON DATABASE other FROM PUBLIC")
        with link.connect(elsewhere(place.endpoint, "other")) as other:
            other.execute("CREATE TABLE public.canary AS SELECT 'alive' AS word")
        neighbours = {role: user_session(place.endpoint, role, autocommit=True) for role in ACCESS}
        for role, session in neighbours.items():
            session.execute(f"SET my.neighbour = '{role}'")
        with link.connect(place.endpoint) as admin:
            yield There(place, admin, neighbours, directory)
        for session in neighbours.values():
            session.close()
        with link.connect(elsewhere(place.endpoint, "postgres")) as admin:
            admin.execute("DROP DATABASE other WITH (FORCE)")


class Tried:
    """Statements on one pooled session, one after the other, each looked at for what it did."""

    def __init__(self, there: There, access: Access) -> None:
        self._there, self._access = there, access
        self._session = engine.connect(there.place.endpoint, there.place.tools, access)
        self._limits = QueryLimits(seconds=SECONDS, rows=50, bytes=1 << 20, write=access != "ro")

    async def one(self, statement: str) -> list[str]:
        there = self._there
        outside, inside = there.outside(), there.inside() if self._access == "ro" else ()
        clean = await self._rows(LEFT_BEHIND)
        started = time.monotonic()
        ended = "ok"
        try:
            async for _ in self._session.query(statement, (), self._limits):
                pass
        except HoldfastError as error:
            ended = error.code if error.status < 500 or error.retryable else f"{error.code}, which is no refusal"
        took = time.monotonic() - started
        wrong = ["no refusal"] if "no refusal" in ended else []
        if took > LONGEST:
            wrong.append(f"took {took:.1f} s")
        if await self._rows(LEFT_BEHIND) != clean:
            wrong.append(f"left behind: {set(await self._rows(LEFT_BEHIND)[0]) ^ set(clean[0])}")  # type: ignore[index]
        if there.outside() != outside:
            wrong.append(f"changed outside: {set(there.outside()) ^ set(outside)}")
        if self._access == "ro" and there.inside() != inside:
            wrong.append(f"changed inside: {set(there.inside()) ^ set(inside)}")
        return [f"{self._access}: {statement[:90]!r} ({ended}): {each}" for each in wrong]

    async def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        async for batch in self._session.query(statement, (), QueryLimits(write=self._access != "ro")):
            found += batch.rows
        return found

    async def close(self) -> None:
        await self._session.close()


def running(there: There) -> int:
    """Statements of the gateway still at work at the server."""
    asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holdfast query' AND state = 'active'"
    return int(there.admin.execute(asked).fetchall()[0][0])


def trial(there: There, access: Access, statements: Sequence[str]) -> list[str]:
    async def run() -> list[str]:
        tried, wrong = Tried(there, access), list[str]()
        for number, statement in enumerate(statements):
            wrong += await tried.one(there.written(statement))
            if number % 20 == 0:
                there.canary()
                if access != "ro":
                    execute(there.place, *PUBLIC)
        await tried.close()
        return wrong

    wrong = asyncio.run(run())
    there.canary()
    deadline = time.monotonic() + 30
    while running(there) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert running(there) == 0, "a statement runs on without anyone"
    return wrong


def test_the_corpus_is_large() -> None:
    assert len(set(CASES)) == len(CASES) >= 120


@pytest.mark.slow
@pytest.mark.parametrize("access", ACCESS)
def test_every_case_is_refused_or_harmless(there: There, access: Access) -> None:
    execute(there.place, *PUBLIC)
    wrong = trial(there, access, CASES)
    assert not wrong, "\n".join(wrong)


_QUICK = tuple(case for case in CASES if "sleep" not in case and "LOOP" not in case and "generate_series" not in case)


@pytest.mark.slow
@examples(12)
@given(
    access=st.sampled_from(ACCESS),
    statements=st.lists(written_otherwise(_QUICK, postgresql=True), min_size=4, max_size=4),
)
def test_written_otherwise_it_is_the_same(there: There, access: Access, statements: list[str]) -> None:
    execute(there.place, *PUBLIC)
    assert not trial(there, access, statements)


def test_what_a_role_does_to_itself_ends_with_prepare(there: There) -> None:
    """A role may always change its own password: SQL has no right against it. The next start puts ours back."""
    place = there.place
    execute(place, "ALTER ROLE CURRENT_USER PASSWORD 'taken over'", access="rw")
    with pytest.raises(HoldfastError):
        link.connect(place.endpoint, "rw").close()
    asyncio.run(engine.prepare(place.endpoint, PostgresqlSpec(), place.tools))
    link.connect(place.endpoint, "rw").close()
