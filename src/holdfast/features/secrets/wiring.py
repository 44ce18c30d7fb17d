"""This slice's services, built once for the api process and for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.features.secrets import api, api_keys
from holdfast.features.secrets.kit_service import KitService, Repositories
from holdfast.features.secrets.master_service import MasterKeyService
from holdfast.features.secrets.model import USER
from holdfast.features.secrets.service import Located, SecretsService
from holdfast.kernel import log
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.rotation import DataKeyRotation
from holdfast.kernel.secrets import INTERNAL, Secrets

ROUTERS = (api.router, api_keys.router)
_EVERY_SECONDS = 600.0
_log = log.get("holdfast.secrets")


@dataclass(frozen=True)
class SecretParts:
    secrets: SecretsService
    master: MasterKeyService
    kits: KitService

    @property
    def parts(self) -> Mapping[type[Any], Any]:
        return {SecretsService: self.secrets, MasterKeyService: self.master, KitService: self.kits}

    async def background(self) -> None:
        """For the api's event loop, until cancelled: rotations that were cut off go on, what was deleted goes."""
        while True:
            for work in (self.master.resume, self.secrets.resume, self.secrets.purge):
                try:
                    await asyncio.to_thread(work)
                except Exception:  # noqa: BLE001 - the next turn tries again; everything opens meanwhile
                    _log.exception("keeping secrets in order failed", work=work.__name__)
            await asyncio.sleep(_EVERY_SECONDS)


def build(
    db: Database, clock: Clock, secrets: Secrets, located: Located, repositories: Repositories, *, grace_seconds: int
) -> SecretParts:
    """`located` and `repositories` are answered by the slices above."""
    rotation = DataKeyRotation(db, secrets, (INTERNAL, USER))
    master = MasterKeyService(db, secrets, rotation)
    return SecretParts(
        SecretsService(db, clock, secrets, rotation, located, grace_seconds=grace_seconds),
        master,
        KitService(db, clock, secrets, master, repositories),
    )
