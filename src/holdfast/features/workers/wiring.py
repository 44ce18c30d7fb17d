"""The slice's parts, put together once per process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from holdfast.features.databases.gate import Gate
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.service import DatabasesService
from holdfast.features.kv import wiring as kv_wiring
from holdfast.features.limits.quota import Quotas
from holdfast.features.secrets.service import SecretsService
from holdfast.features.workers import (
    api,
    api_console,
    api_more,
    api_openapi,
    api_reading,
    api_standing,
    api_tail,
    api_versions,
)
from holdfast.features.workers.binding import Binder
from holdfast.features.workers.caller_keys import CallerKeysService
from holdfast.features.workers.calling import CallingService
from holdfast.features.workers.cases import CasesService
from holdfast.features.workers.counts import COUNTS
from holdfast.features.workers.deploying import DeploymentsService
from holdfast.features.workers.describing import DescribingService
from holdfast.features.workers.hosts import HostsService
from holdfast.features.workers.live import TOPIC
from holdfast.features.workers.reading import ReadingService
from holdfast.features.workers.routing import RouteTable
from holdfast.features.workers.service import WorkersService
from holdfast.features.workers.shelf import Shelf
from holdfast.features.workers.standing import StandingService
from holdfast.features.workers.starting import StartingService
from holdfast.features.workers.tailing import TailingService
from holdfast.features.workers.txt import lookup
from holdfast.features.workers.variables import VariablesService
from holdfast.features.workers.versions import VersionsService
from holdfast.jobs import Jobs
from holdfast.kernel import log
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import HoldfastError, NotFound, Retryable
from holdfast.kernel.wake import Wake
from holdfast.runtime.edge import key_uses
from holdfast.runtime.pool.control import PoolClient, Untried
from holdfast.runtime.telemetry import TelemetryReader, path_of

ROUTERS = (
    *(api.router, api_versions.router, api_more.router, api_reading.router, api_standing.router),
    *(api_tail.router, api_openapi.router, api_console.router),
    *kv_wiring.ROUTERS,
)
_TRIAL_SECONDS = 60.0  # more than a start may take, and its turn to start
REFRESH_SECONDS = 30.0  # another node's changes, and keys that expire
_log = log.get("holdfast.workers")
__all__ = ["COUNTS", "ROUTERS", "Workers", "build"]


@dataclass(frozen=True)
class Workers:
    workers: WorkersService
    versions: VersionsService
    deployments: DeploymentsService
    hosts: HostsService
    keys: CallerKeysService
    variables: VariablesService
    reading: ReadingService
    tailing: TailingService
    standing: StandingService
    calling: CallingService
    describing: DescribingService
    cases: CasesService
    starting: StartingService
    table: RouteTable
    kv: kv_wiring.KeyValue

    @property
    def parts(self) -> Mapping[type[Any], Any]:
        return {**{type(each): each for each in self._services}, **self.kv.parts}

    @property
    def _services(self) -> tuple[object, ...]:
        code = (self.workers, self.versions, self.deployments, self.hosts, self.keys)
        about = (self.reading, self.standing, self.tailing, self.calling, self.describing, self.cases, self.starting)
        return (*code, self.variables, *about)

    async def background(self) -> None:
        """For the api's event loop, until cancelled: the route table is right at the start and stays so."""
        while True:
            try:
                await asyncio.to_thread(self.table.write)
                await asyncio.to_thread(self.keys.keep_uses)
            except Exception:  # noqa: BLE001 - the next turn tries again; the edge keeps the table it has
                _log.exception("writing the route table or the uses of keys failed")
            await asyncio.sleep(REFRESH_SECONDS)


class _Starter:
    """Has the keeper start what runs workers, once in this process's life."""

    def __init__(self, shelf: Shelf, begin: Callable[[], object]) -> None:
        self._shelf = shelf
        self._begin = begin
        self._done = False

    def start(self) -> None:
        """The directory says so to every later keeper. Raises what `begin` raises; then the next call tries again."""
        if self._done:
            return
        self._shelf.make()
        self._begin()
        self._done = True


def build(
    db: Database,
    jobs: Jobs,
    databases: DatabasesService,
    reach: Reach,
    gate: Gate,
    secrets: SecretsService,
    quotas: Quotas,
    wake: Wake,
    clock: Clock,
    begin: Callable[[], object],
) -> Workers:
    """Namespaces too: they are what workers keep their keys in. `begin` starts the processes that run workers; it may
    be asked often."""
    settings, kv = reach.settings, kv_wiring.build(db, databases, reach, gate, clock)
    shelf = Shelf(settings.data)
    here = {} if db.embedded else {"here": shelf.here}  # several nodes may share one metadata database
    table = RouteTable(db, settings.runtime, clock, settings.apps_domains, **here)
    telemetry = TelemetryReader(path_of(settings.data))
    starter = _Starter(shelf, begin)

    def told() -> None:
        """After each commit that changes what runs or where it is found."""
        try:
            table.write()
            starter.start()
        except OSError:
            _log.exception("writing the route table failed")  # the commit stands; `background` writes it again
        except HoldfastError as error:
            _log.warning("workers cannot run yet: %s", error.message)  # the keeper's next start does it
        wake.notify(TOPIC)

    def trial(version_id: str, bindings: Sequence[Mapping[str, Any]]) -> Untried | None:
        try:
            return PoolClient(settings.runtime, _TRIAL_SECONDS).trial(version_id, bindings)
        except (Retryable, NotFound) as error:
            _log.info("a version is deployed untried: %s", error.message)  # its log will say whether it starts
            return None

    telemetry = TelemetryReader(path_of(settings.data))
    calling = CallingService(db, settings.runtime, clock, shelf)
    return Workers(
        WorkersService(db, clock, told, quotas, grace_seconds=settings.delete_grace_seconds),
        VersionsService(db, jobs, shelf, quotas, clock, told, reach.node),
        DeploymentsService(db, Binder(databases, kv.namespaces), clock, told, trial, shelf),
        HostsService(db, clock, told, partial(lookup, servers=settings.name_servers)),
        CallerKeysService(db, clock, told, lambda: key_uses.read(settings.runtime)),
        VariablesService(db, secrets, clock, told),
        ReadingService(db, telemetry, clock),
        TailingService(db, telemetry),
        StandingService(db, telemetry, settings, clock),
        calling,
        DescribingService(db, settings.apps_domains, settings.apps_port),
        CasesService(db, calling, clock),
        StartingService(calling, telemetry, settings.runtime, clock),
        table,
        kv,
    )
