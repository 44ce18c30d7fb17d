"""A store that goes wrong in the middle of a backup: what passes is not seen, what lasts says what to do, and nothing
is left that a check would trip over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from s3_front import Front, Request, Trouble, anything, front_of, writes_data
from s3_server import KEY, Server, moto
from world import OWNER, World, eventually, world

from holdfast import runner as runner_process
from holdfast.features.backups.care_service import CheckWish
from holdfast.features.backups.kinds import ACCESS_KEY, SECRET
from holdfast.features.backups.model import RepositoryRow, Snapshot
from holdfast.features.backups.repository_service import CloudWish, RepositoryWish
from holdfast.features.health.pings import repositories_ping
from holdfast.features.metrics.families import families
from holdfast.jobs import Run
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.errors import NeedsOperator

pytestmark = [pytest.mark.slow, pytest.mark.faults]
PATIENCE = 2.0


@dataclass
class Bench:
    world: World
    server: Server
    front: Front
    repository: RepositoryRow
    database: str
    written: int = 0

    def change(self) -> None:
        """New data, so that there is a pack to write."""
        self.written += 1
        self.world.write(self.database, f"insert into t select {self.written}, hex(randomblob(2000)) from many")

    def take(self, trouble: Trouble | None) -> tuple[Run, Snapshot]:
        self.change()
        services = self.world.services
        self.front.trouble = trouble
        snapshot, run = services.snapshots.create(OWNER, self.database, repository_id=self.repository.id, level=1)
        ended = self.world.ended(run, 120)
        self.front.trouble = None
        return ended, services.snapshots.get(OWNER, snapshot.id)

    def row(self) -> RepositoryRow:
        return self.world.services.repositories.get(OWNER, self.repository.id)

    def metrics(self) -> dict[str, float]:
        """Of its one repository; "since" is how many say since when."""
        found = {family.name: family.samples for family in families(self.world.services.metrics.everything(OWNER))}
        name = "holdfast_repository_store"
        since = len(found["holdfast_repository_trouble_timestamp_seconds"])
        return {"open": found[f"{name}_open"][0].value, "failures": found[f"{name}_failures"][0].value, "since": since}

    def health(self) -> str:
        services = self.world.services
        places = services.keys.places
        ping = repositories_ping(places.root, self.world.db, services.keys.node, services.keys.look, SystemClock())
        return str(ping.check())

    def require_sound(self) -> None:
        """Whatever was, the next snapshot is whole and the repository without a flaw."""
        ended, snapshot = eventually(self._good, 60)
        assert ended.state == "succeeded"
        assert snapshot.verified_level == 1
        _, run = self.world.services.care.check(OWNER, self.repository.id, CheckWish(read_data=False))
        assert self.world.succeeded(run, 60).result["errors"] == []
        assert self.row().trouble is None

    def _good(self) -> tuple[Run, Snapshot] | None:
        """None while the breaker still lets the store rest."""
        found = self.take(None)
        return found if found[0].state == "succeeded" else None


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with (
        pytest.MonkeyPatch.context() as patch,
        moto() as server,
        front_of(server.endpoint) as front,
    ):
        patch.setattr(runner_process, "RUNNER_PATIENCE", PATIENCE)
        patch.setattr("holdfast.vault.stores.breaker.REST_SECONDS", 0.4)
        with world(outbound_allow=("127.0.0.0/8",)) as made:
            fields = {"endpoint": front.endpoint, "bucket": server.bucket(), "allow_http": True}
            wish = CloudWish("s3", fields, {ACCESS_KEY: KEY.id, SECRET: KEY.secret})
            repository = made.services.repositories.create(OWNER, RepositoryWish(made.project.id, "vault", cloud=wish))
            database = made.create("sqlite", "shop").id
            made.write(database, "create table t (a int, b text)", "create table many (n int)")
            made.write(database, "insert into many values (1), (2), (3), (4), (5), (6), (7), (8)")
            found = Bench(made, server, front, repository, database)
            assert found.take(None)[0].state == "succeeded"
            yield found


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(writes_data, times=1),
        Trouble(writes_data, 503, "SlowDown", times=1),
        Trouble(anything, 500, "InternalError", times=2),
        Trouble(anything, None, delay=0.05),
    ],
    ids=["cut-off", "busy", "failing", "slow"],
)
def test_what_passes_is_not_seen(bench: Bench, trouble: Trouble) -> None:
    ended, snapshot = bench.take(trouble)
    assert ended.state == "succeeded", ended.error
    assert trouble.met > 0
    assert (snapshot.state, snapshot.verified_level) == ("ready", 1)


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (Trouble(writes_data, 403, "InvalidAccessKeyId"), "store_credentials"),
        (Trouble(writes_data, 403, "AccessDenied"), "store_denied"),
        (Trouble(writes_data, 403, "RequestTimeTooSkewed"), "store_clock"),
        (Trouble(writes_data, 404, "NoSuchBucket"), "bucket_missing"),
    ],
    ids=["revoked", "denied", "clock", "bucket-gone"],
)
def test_what_lasts_says_what_to_do(bench: Bench, trouble: Trouble, code: str) -> None:
    ended, snapshot = bench.take(trouble)
    assert ended.state == "failed"
    error = ended.error or {}
    assert error["code"] == code, error
    assert error["hint"]
    assert KEY.secret not in str(error)
    assert KEY.id not in str(error)
    assert (snapshot.state, snapshot.restic_id) == ("failed", None)
    bench.require_sound()


@pytest.mark.parametrize("when", [writes_data, anything], ids=["in-a-pack", "from-the-first-call"])
def test_a_cancelled_run_does_not_wait_for_a_store_that_hangs(bench: Bench, when: Callable[[Request], bool]) -> None:
    """The store takes the request and never answers; the run ends in seconds all the same, and says how."""
    bench.change()
    bench.front.stalled.clear()
    bench.front.trouble = Trouble(when, 0, delay=60)
    services = bench.world.services
    snapshot, run = services.snapshots.create(OWNER, bench.database, repository_id=bench.repository.id, level=1)
    assert bench.front.stalled.wait(30)
    began = time.monotonic()
    services.runs.cancel(OWNER, run.id)
    assert bench.world.ended(run, 30).state == "cancelled"
    assert time.monotonic() - began < 15
    assert services.snapshots.get(OWNER, snapshot.id).state == "failed"
    bench.front.trouble = None
    bench.require_sound()


def test_a_store_that_is_gone_is_seen_until_it_is_back(bench: Bench) -> None:
    """The runner's breaker opens; the row says so to everyone, and is clear again with the first answer."""
    bench.front.trouble = Trouble(anything)
    _, run = bench.world.services.snapshots.create(OWNER, bench.database, repository_id=bench.repository.id, level=1)
    trouble = eventually(lambda: bench.row().trouble, 30)
    assert trouble["state"] == "open"
    assert trouble["failures"] >= 5
    assert trouble["hint"]
    assert bench.metrics() == {"open": 1.0, "failures": float(trouble["failures"]), "since": 1}
    with pytest.raises(NeedsOperator, match=r"vault: (left alone|in trouble) since 20\d\d-.*Z: "):
        bench.health()
    ended = bench.world.ended(run, 120)
    assert ended.state == "failed"
    assert (ended.error or {})["code"] in ("store_unreachable", "store_resting")
    bench.front.trouble = None
    bench.require_sound()
    assert bench.metrics() == {"open": 0.0, "failures": 0.0, "since": 0}
    assert bench.health() == "1 in use"
