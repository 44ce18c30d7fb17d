"""The slice's parts, put together once per process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.features.backups.browse import BrowseService
from holdfast.features.databases.reach import Reach
from holdfast.features.files import api
from holdfast.features.files.links import LinksService
from holdfast.features.files.model import Lives
from holdfast.features.files.sending import SendingService
from holdfast.features.limits.quota import Quotas
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.secrets import Secrets
from holdfast.kernel.settings import Settings

ROUTERS = (api.router,)


@dataclass(frozen=True)
class Files:
    links: LinksService
    sending: SendingService

    @property
    def parts(self) -> Mapping[type[Any], Any]:
        return {type(each): each for each in (self.links, self.sending)}


def build(
    settings: Settings,
    db: Database,
    browse: BrowseService,
    reach: Reach,
    secrets: Secrets,
    quotas: Quotas,
    clock: Clock,
    scratch: Path,
) -> Files:
    lives = Lives(settings.download_seconds, settings.download_most_seconds)
    return Files(
        LinksService(db, browse, reach.engines, secrets, lives, clock),
        SendingService(db, browse, reach, secrets, quotas, clock, scratch),
    )
