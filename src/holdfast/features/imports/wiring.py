"""The slice's parts, put together once per process."""

from __future__ import annotations

from pathlib import Path

from holdfast.features.backups.service import SnapshotsService
from holdfast.features.databases.reach import Reach
from holdfast.features.imports import api
from holdfast.features.imports.service import SnapshotImportsService
from holdfast.features.imports.uploads import Uploads
from holdfast.features.limits.quota import Quotas
from holdfast.features.transfers.shelf import Shelf
from holdfast.jobs import Jobs
from holdfast.kernel.db import Database
from holdfast.kernel.secrets import Secrets

ROUTERS = (api.router,)


def build(
    db: Database,
    jobs: Jobs,
    reach: Reach,
    snapshots: SnapshotsService,
    secrets: Secrets,
    quotas: Quotas,
    data: Path,
    scratch: Path,
) -> SnapshotImportsService:
    return SnapshotImportsService(db, jobs, reach, snapshots, Uploads(secrets, Shelf(data)), quotas, scratch)
