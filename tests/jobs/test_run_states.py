"""Any order of submit, cancel, claim, die, release and finish, against a model of what a run may do."""

import itertools
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import hypothesis.strategies as st
import metadata_home
from hypothesis import HealthCheck, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from holdfast.jobs import Jobs, Run, client, store
from holdfast.jobs.schema import run_logs, run_steps, runners, runs
from holdfast.kernel.db import Database

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Expected:
    resource: str | None
    exclusive: bool
    state: str = "queued"
    epoch: int = 0
    runner: str | None = None
    asked: bool = False
    deaths: int = 0
    results: list[str] = field(default_factory=list)


@cache
def one_url() -> str:
    return metadata_home.on_postgresql()


def own_url(folder: Path) -> str:
    """A file of its own; on PostgreSQL one database for all examples, emptied by each: making one takes too long."""
    return one_url() if metadata_home.POSTGRESQL else f"sqlite+apsw:///{folder}/x.db"


class RunStates(RuleBasedStateMachine):
    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="hf")
        self.db = Database(own_url(Path(self.folder.name)))
        self.db.create_all()
        with self.db.write() as conn:
            for table in (runs, runners, run_steps, run_logs):
                conn.execute(table.delete())
        self.jobs = Jobs(self.db)
        self.model: dict[str, Expected] = {}
        # Ids of one millisecond sort at random, which hypothesis would take for a flaky test.
        self.numbers = itertools.count(1)
        self.real_new_id, client.new_id = client.new_id, lambda prefix: f"{prefix}_{next(self.numbers):026d}"

    def teardown(self) -> None:
        client.new_id = self.real_new_id
        self.db.close()
        self.folder.cleanup()

    @initialize()
    def begin_with_work(self) -> None:
        """Otherwise most examples would try to claim from an empty table."""
        for kind, resource in (("plain", "db_1"), ("alone", "db_1"), ("alone", "db_1"), ("alone", "db_2")):
            self.submit(kind, resource)

    @rule(kind=st.sampled_from(["plain", "alone"]), resource=st.sampled_from([None, "db_1", "db_2"]))
    def submit(self, kind: str, resource: str | None) -> None:
        with self.db.write() as conn:
            run = self.jobs.submit(conn, kind=kind, actor="u", project_id="p", resource_id=resource)
        self.model[run.id] = Expected(resource, kind == "alone" and resource is not None)

    @rule(data=st.data())
    def cancel(self, data) -> None:
        run_id = data.draw(st.sampled_from(sorted(self.model)))
        with self.db.write() as conn:
            self.jobs.cancel(conn, run_id)
        expected = self.model[run_id]
        if expected.state == "queued" and expected.epoch == 0:
            expected.state, expected.asked = "cancelled", True
        elif expected.state in ("queued", "running"):
            expected.asked = True

    @rule(target=claims, runner=st.sampled_from(["r1", "r2"]))
    def claim(self, runner: str):
        with self.db.write() as conn:
            run = store.claim(conn, runner=runner, kinds=["plain", "alone"], exclusive_kinds=["alone"], now=NOW)
        busy = {e.resource for e in self.model.values() if e.state == "running" and e.exclusive}
        suspect = any(e.state == "running" and e.deaths >= 2 for e in self.model.values())
        free = [
            i
            for i, e in sorted(self.model.items())
            if e.state == "queued" and not (e.exclusive and e.resource in busy) and not (e.deaths >= 2 and suspect)
        ]
        if run is None:
            assert free == []
            return multiple()
        assert run.id == free[0]
        expected = self.model[run.id]
        expected.state, expected.runner, expected.epoch = "running", runner, expected.epoch + 1
        assert run.epoch == expected.epoch
        return run

    def current(self, run: Run) -> bool:
        expected = self.model[run.id]
        return expected.state == "running" and expected.epoch == run.epoch

    @rule(run=claims, state=st.sampled_from(["succeeded", "failed", "cancelled"]))
    def finish(self, run: Run, state: str) -> None:
        """Also with claims that were lost long ago: those change nothing."""
        ours = self.current(run)
        with self.db.write() as conn:
            assert store.finish(conn, run, state=state, now=NOW) == ours
        if ours:
            self.model[run.id].state = state

    @rule(run=consumes(claims))
    def release(self, run: Run) -> None:
        ours = self.current(run)
        with self.db.write() as conn:
            assert store.release(conn, run) == ours
        if ours:
            self.model[run.id].state, self.model[run.id].runner = "queued", None

    @rule(runner=st.sampled_from(["r1", "r2"]))
    def die(self, runner: str) -> None:
        with self.db.write() as conn:
            freed = store.release_all_of(conn, runner)
        dead = [i for i, e in self.model.items() if e.state == "running" and e.runner == runner]
        assert sorted(freed) == sorted(dead)
        for run_id in dead:
            self.model[run_id].state, self.model[run_id].runner = "queued", None
            self.model[run_id].deaths += 1

    @rule(target=claims, runner=st.sampled_from(["r1", "r2"]))
    def die_and_be_taken_over(self, runner: str):
        self.die(runner)
        return self.claim("r2" if runner == "r1" else "r1")

    @rule(run=claims)
    def step(self, run: Run) -> None:
        with self.db.write() as conn:
            assert store.holds(conn, run) == self.current(run)

    @invariant()
    def every_row_is_as_the_model_says(self) -> None:
        with self.db.read() as conn:
            rows = self.jobs.list(conn, limit=1000)
        seen = {r.id: (r.state, r.epoch, r.cancel_requested_at is not None, r.deaths) for r in rows}
        assert seen == {i: (e.state, e.epoch, e.asked, e.deaths) for i, e in self.model.items()}
        alone = [e.resource for e in self.model.values() if e.state == "running" and e.exclusive]
        assert len(alone) == len(set(alone))


TestRunStates = RunStates.TestCase
TestRunStates.settings = settings(
    max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
