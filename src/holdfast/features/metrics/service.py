"""Metrics for whoever asks: only of what they may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.access.grants import Columns
from holdfast.features.backups.model import repositories, snapshots
from holdfast.features.databases.guard import found
from holdfast.features.databases.model import resources
from holdfast.features.metrics import store
from holdfast.features.metrics.sampler import Sample, Sampler
from holdfast.features.metrics.statements import StatementMeter, Tally
from holdfast.features.metrics.store import LastSnapshot, Named, StoreHealth
from holdfast.features.workers.guard import AT as WORKERS
from holdfast.hosts.servers import ServerStatus
from holdfast.hosts.service import Hosts
from holdfast.jobs.schema import runs
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import HoldfastError
from holdfast.runtime.telemetry import TelemetryReader

_RESOURCES = Columns(resources.c.project_id, resources.c.environment_id, resources.c.id)


@dataclass(frozen=True)
class DatabaseMetrics:
    """One database now. `sample` None: it is not running, or was never reached; `age` is the sample's, in seconds."""

    named: Named
    sample: Sample | None
    age: float | None
    server: ServerStatus | None
    tally: Tally
    last_snapshot: LastSnapshot | None


@dataclass(frozen=True)
class Everything:
    """`whole`: the reader sees the installation, so the process's own metrics are theirs too. `workers`: {id: name}."""

    databases: Sequence[DatabaseMetrics]
    runs: Sequence[tuple[str, str, int]]
    snapshots: Sequence[tuple[str, str, int]]
    stores: Sequence[StoreHealth]
    workers: Mapping[str, str]
    whole: bool


class MetricsService:
    """Synchronous; holds samples and tallies of this process."""

    def __init__(
        self,
        db: Database,
        hosts: Hosts,
        sampler: Sampler,
        meter: StatementMeter,
        telemetry: TelemetryReader,
        clock: Clock,
    ) -> None:
        self.telemetry = telemetry  # of this node's workers
        self._db = db
        self._hosts = hosts
        self._sampler = sampler
        self._meter = meter
        self._clock = clock

    def everything(self, actor: Actor) -> Everything:
        """All the actor may see; six statements whatever there is."""
        actor.require("metric.read")
        with self._db.read() as conn:
            named = store.databases(conn, actor.visible("metric.read", _RESOURCES))
            ran = store.run_counts(conn, actor.visible("metric.read", Columns.of(runs)))
            kept = store.snapshot_counts(conn, actor.visible("metric.read", Columns.of(snapshots)))
            last = store.last_snapshots(conn, None)
            places = store.stores(conn, actor.visible("metric.read", Columns.of(repositories)))
            workers = store.worker_names(conn, actor.visible("metric.read", WORKERS))
        return Everything(self._measured(named, last), ran, kept, places, workers, actor.holds("metric.read", None))

    def page(
        self,
        actor: Actor,
        *,
        project_id: str | None = None,
        environment_id: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[DatabaseMetrics]:
        """Newest database first."""
        actor.require_within("metric.read", project_id)
        visible = actor.visible("metric.read", _RESOURCES)
        with self._db.read() as conn:
            named = store.databases(
                conn, visible, project_id=project_id, environment_id=environment_id, after=after, limit=limit
            )
            last = store.last_snapshots(conn, [each.resource.id for each in named])
        return self._measured(named, last)

    def one(self, actor: Actor, resource_id: str) -> DatabaseMetrics:
        with self._db.read() as conn:
            found(conn, actor, resource_id, "metric.read")
            named = store.databases(conn, actor.visible("metric.read", _RESOURCES), resource_id=resource_id)
            last = store.last_snapshots(conn, [resource_id])
        if not named:
            raise no_such("database")  # deleted: in its grace period there is nothing to measure
        return self._measured(named, last)[0]

    def close(self) -> None:
        self._sampler.close()

    def _measured(self, named: Sequence[Named], last: Mapping[str, LastSnapshot]) -> list[DatabaseMetrics]:
        samples = self._sampler.of([each.resource for each in named])
        tallies = self._meter.tallies()
        servers = self._servers()
        now = self._clock.monotonic()
        return [
            DatabaseMetrics(
                each,
                sample := samples.get(each.resource.id),
                None if sample is None else max(0.0, now - sample.at),
                servers.get(each.resource.id),
                tallies.get(each.resource.id, Tally()),
                last.get(each.resource.id),
            )
            for each in named
        ]

    def _servers(self) -> Mapping[str, ServerStatus]:
        """Without a keeper there is no CPU and memory to tell; health says that it is away."""
        try:
            return self._hosts.statuses()
        except HoldfastError:
            return {}
