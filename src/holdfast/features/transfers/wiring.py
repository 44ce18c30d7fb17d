"""The slice's parts, put together once per process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.features.databases.gate import Gate
from holdfast.features.databases.pool import SessionPool
from holdfast.features.databases.reach import Reach
from holdfast.features.limits.quota import Quotas
from holdfast.features.transfers import api_exports, api_imports, api_uploads
from holdfast.features.transfers.exports import ExportsService
from holdfast.features.transfers.imports import ImportsService
from holdfast.features.transfers.line import Lines
from holdfast.features.transfers.shelf import Shelf
from holdfast.features.transfers.uploads import UploadsService
from holdfast.jobs import Jobs
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database

ROUTERS = (api_exports.router, api_uploads.router, api_imports.router)


@dataclass(frozen=True)
class Transfers:
    exports: ExportsService
    uploads: UploadsService
    imports: ImportsService

    @property
    def parts(self) -> Mapping[type[Any], Any]:
        return {type(each): each for each in (self.exports, self.uploads, self.imports)}


def build(
    db: Database,
    jobs: Jobs,
    reach: Reach,
    gate: Gate,
    pool: SessionPool,
    quotas: Quotas,
    clock: Clock,
    data: Path,
) -> Transfers:
    shelf, lines = Shelf(data), Lines(db, gate, pool)
    return Transfers(
        ExportsService(db, jobs, reach, lines, shelf, quotas, clock),
        UploadsService(db, reach, shelf, clock),
        ImportsService(db, jobs, lines, shelf, clock, reach.node),
    )
