"""The services of databases, runs and backups, wired once for the api process and for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from holdfast import catalog, located, repeats
from holdfast.contract.registry import Registry
from holdfast.features.alerts import routers as alerts_routers
from holdfast.features.alerts import wiring as alerts_wiring
from holdfast.features.audit import api as audit_api
from holdfast.features.audit import wiring as audit_wiring
from holdfast.features.audit.wiring import Audit
from holdfast.features.backups import anchors, api_browse, api_care, api_repositories, api_repository_life, sealing
from holdfast.features.backups import api as backups_api
from holdfast.features.backups.browse import BrowseService
from holdfast.features.backups.care_service import CareService
from holdfast.features.backups.counts import COUNTS
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.kit import kit_repositories
from holdfast.features.backups.life_service import RepositoryLifeService
from holdfast.features.backups.repository_service import RepositoriesService
from holdfast.features.backups.restore_service import RestoreService
from holdfast.features.backups.restore_there import Neighbours
from holdfast.features.backups.service import SnapshotsService
from holdfast.features.backups.swapping import Swapper
from holdfast.features.backups.tagging import api as tags_api
from holdfast.features.backups.tagging.service import TagsService
from holdfast.features.colder import api as colder_api
from holdfast.features.colder.savings import SavingsService
from holdfast.features.colder.service import ColderService
from holdfast.features.connections import wiring as connections_wiring
from holdfast.features.copies import api as copies_api
from holdfast.features.copies.service import CopiesService
from holdfast.features.databases import api as databases_api
from holdfast.features.databases import api_changes, api_query, external_api
from holdfast.features.databases.changes import ChangesService
from holdfast.features.databases.external_look import Looker
from holdfast.features.databases.external_service import ExternalService
from holdfast.features.databases.gate import Gate
from holdfast.features.databases.history import StatementHistory
from holdfast.features.databases.pool import SessionPool
from holdfast.features.databases.query import QueryService
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.service import DatabasesService
from holdfast.features.databases.tasks import DatabaseTasks
from holdfast.features.drills import api as drills_api
from holdfast.features.drills.service import DrillsService
from holdfast.features.file_keys import api as file_keys_api
from holdfast.features.file_keys.service import FileKeysService
from holdfast.features.files import wiring as files_wiring
from holdfast.features.imports import wiring as imports_wiring
from holdfast.features.imports.service import SnapshotImportsService
from holdfast.features.limits import api as limits_api
from holdfast.features.limits.wiring import Limits, limits
from holdfast.features.live import api as live_api
from holdfast.features.live import wiring as live_wiring
from holdfast.features.masking import api as masking_api
from holdfast.features.masking.service import MaskingService
from holdfast.features.metrics import api as metrics_api
from holdfast.features.metrics import api_overview
from holdfast.features.metrics import wiring as metrics_wiring
from holdfast.features.metrics.growth import GrowthService
from holdfast.features.metrics.protection import ProtectionService
from holdfast.features.metrics.service import MetricsService
from holdfast.features.metrics.statements import StatementMeter
from holdfast.features.migrations import api as migrations_api
from holdfast.features.migrations.reading import Reader
from holdfast.features.migrations.service import MigrationsService
from holdfast.features.moves import api as moves_api
from holdfast.features.moves.service import MovesService
from holdfast.features.nodes import api as nodes_api
from holdfast.features.plans import wiring as plans_wiring
from holdfast.features.plans.keys_used import plans_of
from holdfast.features.recovery import api as recovery_api
from holdfast.features.recovery.service import RecoveryService
from holdfast.features.retention import api as retention_api
from holdfast.features.retention import api_bulk
from holdfast.features.retention.bulk import BulkService
from holdfast.features.retention.collecting import CollectingService
from holdfast.features.retention.service import RetentionService
from holdfast.features.rows import api as rows_api
from holdfast.features.rows import api_tables
from holdfast.features.rows.service import RowsService
from holdfast.features.rows.shape_service import ShapeService
from holdfast.features.runs import api as runs_api
from holdfast.features.runs.repeating import Again
from holdfast.features.runs.service import RunsService
from holdfast.features.saved import api as saved_api
from holdfast.features.saved.service import SavedService
from holdfast.features.secrets import wiring as secrets_wiring
from holdfast.features.transfers import wiring as transfers_wiring
from holdfast.features.upgrades import api as upgrades_api
from holdfast.features.upgrades.service import UpgradesService
from holdfast.features.values import api as values_api
from holdfast.features.values.service import ValuesService
from holdfast.features.workers import wiring as workers_wiring
from holdfast.hosts.keeper import KeeperClient
from holdfast.hosts.service import Hosts
from holdfast.jobs import Jobs
from holdfast.kernel.clock import Clock, SystemClock
from holdfast.kernel.db import Database
from holdfast.kernel.master_source import source_of
from holdfast.kernel.outbound import OutboundPolicy
from holdfast.kernel.secrets import Secrets, master_key_of
from holdfast.kernel.settings import Settings
from holdfast.kernel.wake import Wake
from holdfast.web.hub import Hub

USES = (sealing.repositories_of, plans_of, sealing.waiting, sealing.snapshots_of)
ROUTERS = (
    api_query.router,  # routes are tried in order: the one that is asked most comes first
    runs_api.router,
    audit_api.router,
    external_api.router,
    databases_api.router,
    api_changes.router,
    values_api.router,
    *connections_wiring.ROUTERS,
    rows_api.router,
    api_tables.router,
    saved_api.router,
    upgrades_api.router,
    *transfers_wiring.ROUTERS,
    masking_api.router,
    file_keys_api.router,
    limits_api.router,
    api_bulk.router,
    backups_api.router,
    api_browse.router,
    tags_api.router,
    api_repository_life.router,
    *files_wiring.ROUTERS,
    *imports_wiring.ROUTERS,
    api_repositories.router,
    retention_api.router,
    colder_api.router,
    api_care.router,
    drills_api.router,
    metrics_api.router,
    api_overview.router,
    moves_api.router,
    nodes_api.router,
    migrations_api.router,
    copies_api.router,
    *plans_wiring.ROUTERS,
    recovery_api.router,
    *secrets_wiring.ROUTERS,
    *alerts_routers.ROUTERS,
    *workers_wiring.ROUTERS,
    live_api.router,
)


@dataclass(frozen=True)
class Services:
    """Everything these slices offer. `parts` is what `create_app` wants: each service by its type."""

    db: Database
    jobs: Jobs
    engines: Registry
    databases: DatabasesService
    changes: ChangesService
    externals: ExternalService
    reach: Reach
    queries: QueryService
    values: ValuesService
    connections: connections_wiring.Connections
    rows: RowsService
    shapes: ShapeService
    saved: SavedService
    upgrades: UpgradesService
    transfers: transfers_wiring.Transfers
    runs: RunsService
    hub: Hub
    snapshots: SnapshotsService
    restores: RestoreService
    drills: DrillsService
    repositories: RepositoriesService
    care: CareService
    lives: RepositoryLifeService
    browse: BrowseService
    retention: RetentionService
    tags: TagsService
    collecting: CollectingService
    colder: ColderService
    savings: SavingsService
    bulk: BulkService
    files: files_wiring.Files
    imports: SnapshotImportsService
    masking: MaskingService
    file_keys: FileKeysService
    migrations: MigrationsService
    copies: CopiesService
    metrics: MetricsService
    protection: ProtectionService
    growth: GrowthService
    moves: MovesService
    plans: plans_wiring.Plans
    recovery: RecoveryService
    limits: Limits
    secrets: secrets_wiring.SecretParts
    audit: Audit
    alerts: alerts_wiring.Alerting
    wake: Wake
    keys: Keys
    live: live_wiring.Live
    workers: workers_wiring.Workers

    @property
    def parts(self) -> Mapping[type[Any], Any]:
        found = (
            self.engines,
            self.databases,
            self.changes,
            self.externals,
            self.queries,
            self.values,
            self.rows,
            self.shapes,
            self.saved,
            self.upgrades,
            self.runs,
            self.hub,
            self.snapshots,
            self.restores,
            self.drills,
            self.repositories,
            self.care,
            self.lives,
            self.browse,
            self.retention,
            self.tags,
            self.collecting,
            self.colder,
            self.savings,
            self.bulk,
            self.imports,
            self.masking,
            self.file_keys,
            self.migrations,
            self.copies,
            self.metrics,
            self.protection,
            self.growth,
            self.moves,
            self.recovery,
        )
        return {
            **{type(each): each for each in found},
            **self.connections.parts,
            **self.transfers.parts,
            **self.plans.parts,
            **self.files.parts,
            **self.secrets.parts,
            **self.limits.parts,
            **self.audit.parts,
            **self.alerts.parts,
            Database: self.db,
            **self.live.parts,
            **self.workers.parts,
        }

    async def background(self) -> None:
        """For the api's event loop, until cancelled: hears wake-ups, drains databases that stop or are swapped."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.hub.run())
            group.create_task(self.secrets.background())
            group.create_task(self.audit.background())
            group.create_task(self.queries.watch(self.hub.topics("resource")))
            group.create_task(self.connections.watchman.run(self.hub))
            group.create_task(self.connections.doorman.run(self.hub))
            group.create_task(self.live.signals.run())
            group.create_task(self.workers.background())

    async def stop(self) -> None:
        """End statements, close sessions, write the history. Then `close`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(10):
                await self.queries.close()
        self.audit.stop.stop("the api ends")
        await asyncio.to_thread(self.browse.close)

    def close(self) -> None:
        """What this module opened: only when it opened it itself."""
        self.browse.close()
        self.transfers.exports.close()
        self.metrics.close()
        self.reach.hosts.lines.close()
        self.limits.book.close()
        self.keys.places.close()
        self.db.close()
        self.wake.close()


def build(
    settings: Settings,
    *,
    db: Database | None = None,
    secrets: Secrets | None = None,
    wake: Wake | None = None,
    engines: Registry | None = None,
    clock: Clock | None = None,
) -> Services:
    """Nothing is started. Pass what the process has already; the rest is opened here."""
    clock = clock or SystemClock()
    engines = engines or catalog.registry()
    db = db or Database(settings.metadata_url)
    wake = wake or Wake(settings.runtime)
    secrets = secrets or Secrets(db, master_key_of(db, source_of(settings)))
    jobs = Jobs(db, clock, wake, located.node_of)
    keeper = KeeperClient.of(settings)
    hosts = Hosts(settings, keeper)
    reach = Reach(settings, db, engines, secrets, hosts)
    gate, scratch = Gate(settings.data / "gates"), settings.data / "scratch" / "api"
    keys = Keys.of(settings, db, secrets, clock)
    audit = audit_wiring.build(
        db, clock, secrets, wake, settings.data, anchors.remembered, anchors.Manifests(db, keys).anchor_of
    )
    swapper = Swapper(db, reach, gate, jobs, DatabaseTasks(db, reach, secrets, gate, clock, wake), clock)
    databases = DatabasesService(db, jobs, reach, secrets, clock)
    bounds = limits(db, clock, {**COUNTS, **workers_wiring.COUNTS})
    snapshots = SnapshotsService(db, jobs, keys, clock, bounds.quotas)
    meter, hub = StatementMeter(), Hub(wake)
    pool = SessionPool(reach, scratch)
    queries = QueryService(db, reach, gate, pool, StatementHistory(db, meter.see), clock)
    again: dict[str, Again] = {}
    secret_parts = _about_secrets(settings, db, clock, secrets, keys)
    made = Services(
        db=db,
        jobs=jobs,
        engines=engines,
        databases=databases,
        changes=ChangesService(db, databases, reach),
        connections=connections_wiring.build(db, reach, gate, jobs, clock, secrets, keeper, wake.notify),
        queries=queries,
        **_about_rows(db, queries, engines, clock),
        externals=ExternalService(db, databases, reach, secrets, Looker(reach, clock, scratch), clock),
        reach=reach,
        transfers=transfers_wiring.build(db, jobs, reach, gate, pool, bounds.quotas, clock, settings.data),
        runs=RunsService(db, jobs, again),
        hub=hub,
        snapshots=snapshots,
        **_about_snapshots(
            settings, db, jobs, reach, keys, clock, snapshots, swapper, databases, bounds, secrets, scratch
        ),
        masking=MaskingService(db, clock, lambda: tuple(engines.names())),
        file_keys=FileKeysService(db, secrets, OutboundPolicy.of(settings), clock, USES),
        **_about_copies(db, jobs, reach, gate, snapshots, databases, scratch, clock),
        plans=plans_wiring.build(db, jobs, clock),
        **metrics_wiring.build(db, reach, scratch, meter, clock),
        secrets=secret_parts,
        limits=bounds,
        audit=audit,
        alerts=alerts_wiring.services(db, clock, secrets, settings),
        wake=wake,
        keys=keys,
        live=live_wiring.build(db, hub),
        workers=workers_wiring.build(
            db, jobs, databases, reach, gate, secret_parts.secrets, bounds.quotas, wake, clock, keeper.begin
        ),
    )
    again.update(repeats.again(made))
    return made


def _about_secrets(
    settings: Settings, db: Database, clock: Clock, secrets: Secrets, keys: Keys
) -> secrets_wiring.SecretParts:
    grace = settings.delete_grace_seconds
    return secrets_wiring.build(db, clock, secrets, located.resource, kit_repositories(keys), grace_seconds=grace)


def _about_snapshots(
    settings: Settings,
    db: Database,
    jobs: Jobs,
    reach: Reach,
    keys: Keys,
    clock: Clock,
    snapshots: SnapshotsService,
    swapper: Swapper,
    databases: DatabasesService,
    bounds: Limits,
    secrets: Secrets,
    scratch: Path,
) -> dict[str, Any]:
    """What keeps, looks after, brings back and gives out snapshots."""
    browse = BrowseService(db, reach, keys, scratch, bounds.quotas)
    return {
        "restores": RestoreService(db, jobs, snapshots, databases, swapper, clock, Neighbours(reach, secrets)),
        "repositories": RepositoriesService(db, keys, clock),
        "care": CareService(db, jobs),
        "lives": RepositoryLifeService(db, jobs, keys, clock),
        "recovery": RecoveryService(db, jobs, keys, clock),
        "drills": DrillsService(db, jobs, snapshots, clock),
        "browse": browse,
        "files": files_wiring.build(settings, db, browse, reach, secrets, bounds.quotas, clock, scratch),
        "imports": imports_wiring.build(db, jobs, reach, snapshots, secrets, bounds.quotas, settings.data, scratch),
        "tags": TagsService(db, clock),
        "retention": RetentionService(db, clock, timedelta(seconds=settings.delete_grace_seconds)),
        "collecting": CollectingService(db, jobs),
        "colder": ColderService(db, jobs, keys, clock),
        "savings": SavingsService(db, clock),
        "bulk": BulkService(db, clock, timedelta(seconds=settings.delete_grace_seconds)),
    }


def _about_rows(db: Database, queries: QueryService, engines: Registry, clock: Clock) -> dict[str, Any]:
    """What reads and writes through the gateway."""
    return {
        "values": ValuesService(queries),
        "rows": RowsService(queries, db),
        "shapes": ShapeService(queries),
        "saved": SavedService(db, queries, engines, clock),
    }


def _about_copies(
    db: Database,
    jobs: Jobs,
    reach: Reach,
    gate: Gate,
    snapshots: SnapshotsService,
    databases: DatabasesService,
    scratch: Path,
    clock: Clock,
) -> dict[str, Any]:
    """What makes a database out of another, or another out of it."""
    return {
        "upgrades": UpgradesService(db, jobs, reach, snapshots, clock),
        "moves": MovesService(db, jobs, reach, databases, clock),
        "migrations": MigrationsService(db, jobs, snapshots, reach, Reader(reach, gate, scratch), clock),
        "copies": CopiesService(db, jobs, databases, clock),
    }
