"""Any order of applying and taking back, good scripts and bad, leaves just what the model says."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import apsw
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from holdfast.contract.scripts import LedgerRow, Script
from holdfast.contract.spec import Endpoint
from holdfast.engines.sqlite.session import SqliteSession
from holdfast.features.migrations.model import Migration
from holdfast.features.migrations.planning import checksum, downwards, standings, upwards
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.errors import Conflict, HoldfastError
from holdfast.kernel.stop import Stop

NOW = SystemClock().now()


class Migrating(RuleBasedStateMachine):
    """The planner and a real SQLite file against a list of what should be applied."""

    def __init__(self) -> None:
        super().__init__()
        self.base = Path(tempfile.mkdtemp(prefix="hf-machine-"))
        self.path = self.base / "database.db"
        with apsw.Connection(str(self.path)) as connection:
            connection.execute("pragma user_version = 1")
        self.session: Any = SqliteSession(Endpoint(path=self.path, database="x"), None, "owner")  # type: ignore[arg-type]
        self.known: dict[int, Migration] = {}
        self.applied: list[int] = []

    def teardown(self) -> None:
        shutil.rmtree(self.base)

    @rule(number=st.integers(1, 6), good=st.booleans(), back=st.booleans())
    def store(self, number: int, good: bool, back: bool) -> None:
        """What is applied keeps its text."""
        if number in self.applied:
            return
        up = f"create table t{number} (id integer);" + ("" if good else "\ninsert into nowhere values (1)")
        down = f"drop table t{number}" if back else None
        place = ("mig", "p", "e", "r")
        self.known[number] = Migration(*place, number, "m", up, down, checksum(up), None, None, 1, "u", NOW)

    @rule(out_of_order=st.booleans())
    def apply(self, out_of_order: bool) -> None:
        late = [n for n in self.known if n not in self.applied and n < max(self.applied, default=0)]
        try:
            wanted = upwards(self._all(), self.session.ledger(), None, out_of_order=out_of_order)
        except Conflict as error:
            if error.code != "out_of_order" or out_of_order or not late:
                raise
            return
        assert [each.number for each in wanted] == sorted(n for n in self.known if n not in self.applied)
        for each in wanted:
            try:
                self.session.run_script(self._script(each, "up"), Stop())
            except HoldfastError as error:
                if "nowhere" not in each.up or error.details["line"] != 2:
                    raise
                return
            assert "nowhere" not in each.up
            self.applied.append(each.number)

    @rule(steps=st.integers(1, 3))
    def take_back(self, steps: int) -> None:
        newest = sorted(self.applied, reverse=True)[:steps]
        try:
            wanted = downwards(self._all(), self.session.ledger(), steps=steps, to=None)
        except Conflict as error:
            irreversible = any(self.known[number].down is None for number in newest)
            if error.code != ("irreversible" if newest else "nothing_applied") or (newest and not irreversible):
                raise
            return
        assert [each.number for each in wanted] == newest
        for each in wanted:
            self.session.run_script(self._script(each, "down"), Stop())
            self.applied.remove(each.number)

    @rule()
    def a_second_runner(self) -> None:
        """Whoever comes late with what is done is refused, and changes nothing."""
        for number in self.applied:
            try:
                self.session.run_script(self._script(self.known[number], "up"), Stop())
            except Conflict as error:
                if error.code != "already_applied":
                    raise
                continue
            raise AssertionError(f"{number} ran twice")

    @invariant()
    def the_database_is_as_it_should_be(self) -> None:
        ledger = self.session.ledger()
        assert [row.version for row in ledger] == sorted(self.applied)
        with apsw.Connection(str(self.path)) as connection:
            found = {row[0] for row in connection.execute("select name from sqlite_schema where name like 't_'")}
        assert found == {f"t{number}" for number in self.applied}
        for each in standings(self._all(), ledger):
            assert each.state == ("applied" if each.number in self.applied else "pending")

    def _all(self) -> list[Migration]:
        return [self.known[number] for number in sorted(self.known)]

    def _script(self, migration: Migration, direction: Any) -> Script:
        text = migration.up if direction == "up" else migration.down or ""
        row = LedgerRow(migration.number, migration.name, migration.checksum, "applied", 0, "", "u", "r")
        return Script(text, row, direction)


TestMigrating = Migrating.TestCase
TestMigrating.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
