"""Any order of writes, open transactions, schema changes and snapshots: each snapshot equals a full reading of its
moment, byte for byte and by digest."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from incremental_kit import Kept, snapshot
from pg_server import Cluster, user_session

from holdfast.contract.conformance import Place
from holdfast.contract.snapshot import CaptureRequest
from holdfast.engines.postgresql import tables

TABLES = ('"a""b\'; --"', "toasted", "parted_1")
_SETUP = (
    "CREATE TABLE {0} (id int, note text)",
    "CREATE TABLE toasted (id int, note text)",
    "ALTER TABLE toasted ALTER note SET STORAGE EXTERNAL",
    "CREATE TABLE parted (id int, note text) PARTITION BY LIST (id)",
    "CREATE TABLE parted_1 PARTITION OF parted DEFAULT",
    "INSERT INTO {0} SELECT n, repeat('a', 300) FROM generate_series(1, 500) n",
    "INSERT INTO toasted SELECT n, repeat('b', 3000) FROM generate_series(1, 60) n",
    "INSERT INTO parted SELECT n, repeat('c', 300) FROM generate_series(1, 300) n",
)
_WRITES = (
    "INSERT INTO {t} (id) SELECT n FROM generate_series(1, 40) n",
    "UPDATE {t} SET id = id + 1000 WHERE id %% 50 = {n}",
    "DELETE FROM {t} WHERE id %% 9 = {n}",
    "UPDATE {t} SET note = repeat('z', 4000) WHERE id = {n}",
    "SELECT count(*) FROM (SELECT 1 FROM {t} WHERE id %% 3 = 0 FOR UPDATE) AS locked",
)
_CHANGES = (
    "TRUNCATE {t}",
    "VACUUM {t}",
    "VACUUM (FREEZE) {t}",
    "VACUUM FULL {t}",
    "ALTER TABLE {p} ADD COLUMN c{n} text DEFAULT 'new {n}'",
    "ALTER TABLE {p} DROP COLUMN IF EXISTS c{n}",
    "ALTER TABLE {t} SET UNLOGGED",
    "ALTER TABLE {t} SET LOGGED",
    "CHECKPOINT",
)
_table, _small = st.sampled_from(TABLES), st.integers(0, 7)


class Incremental(RuleBasedStateMachine):
    place: Place

    def __init__(self) -> None:
        super().__init__()
        self.kept = Kept()
        self.number = 0
        self.open: list[psycopg.Connection[Any]] = [user_session(self.place.endpoint, "admin") for _ in range(2)]
        self.auto = user_session(self.place.endpoint, "admin", autocommit=True)
        self.auto.execute("DROP SCHEMA public CASCADE")
        self.auto.execute("CREATE SCHEMA public")
        for session in (self.auto, *self.open):
            session.execute("SET lock_timeout = '100ms'")
            session.commit()
        for statement in _SETUP:
            self.auto.execute(statement.format(TABLES[0]).encode())
        self.auto.execute("VACUUM (FREEZE)")
        self.take()

    def _run(self, session: psycopg.Connection[Any], statement: str, table: str, number: int) -> None:
        whole = "parted" if table == "parted_1" else table
        text = statement.format(t=table, n=number, p=whole).replace("%%", "%")
        try:
            session.execute(text.encode())
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DuplicateColumn, psycopg.errors.DeadlockDetected):
            session.rollback()

    @rule(table=_table, statement=st.sampled_from(_WRITES), number=_small)
    def write(self, table: str, statement: str, number: int) -> None:
        self._run(self.auto, statement, table, number)

    @rule(which=st.integers(0, 1), table=_table, statement=st.sampled_from(_WRITES), number=_small)
    def write_and_leave_open(self, which: int, table: str, statement: str, number: int) -> None:
        self._run(self.open[which], statement, table, number)

    @rule(which=st.integers(0, 1), table=_table, number=_small)
    def write_and_take_back_to_a_savepoint(self, which: int, table: str, number: int) -> None:
        session = self.open[which]
        session.execute("SAVEPOINT s")
        with suppress(psycopg.errors.LockNotAvailable):
            session.execute(f"DELETE FROM {table} WHERE id % 5 = {number}".encode())
        session.execute("ROLLBACK TO s")

    @rule(which=st.integers(0, 1), commit=st.booleans())
    def end(self, which: int, commit: bool) -> None:
        self.open[which].commit() if commit else self.open[which].rollback()

    @rule(which=st.integers(0, 1), table=_table, statement=st.sampled_from(_WRITES), number=_small)
    def write_over_a_snapshot(self, which: int, table: str, statement: str, number: int) -> None:
        """Open while one snapshot is taken, and seen only by the next."""
        self._run(self.open[which], statement, table, number)
        self.take()
        self.open[which].commit()
        self.take()

    @rule(table=_table, statement=st.sampled_from(_CHANGES), number=_small)
    def change(self, table: str, statement: str, number: int) -> None:
        self._run(self.auto, statement, table, number)

    @rule()
    def take(self) -> None:
        self.number += 1
        self.kept = snapshot(self.place, self.kept, CaptureRequest(digests="always", sample=self.number))

    def teardown(self) -> None:
        for session in self.open:
            session.rollback()
        self.take()
        self.take()
        for session in (self.auto, *self.open):
            session.close()


@pytest.mark.slow
def test_every_snapshot_equals_a_full_reading(pg18: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "RANGE_BLOCKS", 4)
    with pg18.fresh("machine") as place:
        Incremental.place = place
        run_state_machine_as_test(
            Incremental,
            settings=settings(
                max_examples=4, stateful_step_count=10, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
