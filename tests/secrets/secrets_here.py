"""What these tests hold of an installation built in this process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from starlette.testclient import TestClient

from holdfast.features.access.actor import Actor, local_actor
from holdfast.features.access.grants import Grant
from holdfast.features.secrets.kit_service import KitService
from holdfast.features.secrets.master_service import MasterKeyService
from holdfast.features.secrets.service import SecretsService
from holdfast.http import Services
from holdfast.kernel.db import metadata
from holdfast.kernel.settings import Settings

ROOT = local_actor(0)


def someone(*permissions: str, **place: Any) -> Actor:
    """A user with those permissions in one place, the password just typed."""
    return Actor("usr_someone", "user", "someone", (Grant(frozenset(permissions), **place),))


@dataclass
class Here:
    settings: Settings
    services: Services
    client: TestClient
    project: str = ""
    environment: str = ""
    other: str = ""
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def secrets(self) -> SecretsService:
        return self.services.parts[SecretsService]  # type: ignore[return-value]

    @property
    def master(self) -> MasterKeyService:
        return self.services.parts[MasterKeyService]  # type: ignore[return-value]

    @property
    def kits(self) -> KitService:
        return self.services.parts[KitService]  # type: ignore[return-value]

    def rows(self, table: str) -> list[dict[str, Any]]:
        found = metadata.tables[table]
        with self.services.db.read() as conn:
            return [dict(row) for row in conn.execute(sa.select(found)).mappings()]

    def audit(self, action: str) -> list[dict[str, Any]]:
        return [row for row in self.rows("audit_events") if row["action"] == action]

    def path(self, name: str = "", verb: str = "", environment: str = "") -> str:
        where = f"/api/v1/environments/{environment or self.environment}/secrets"
        return where + (f"/{name}" if name else "") + verb

    def put(self, name: str, value: str, **more: Any) -> Any:
        return self.client.put(self.path(name), json={"value": value, **more})
