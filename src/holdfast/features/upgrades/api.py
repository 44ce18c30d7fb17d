"""/api/v1/databases/{id}/upgrades and /api/v1/upgrades."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field

from holdfast.features.access.http import CurrentActor
from holdfast.features.runs.wire import RunOut
from holdfast.features.upgrades.model import Upgrade
from holdfast.features.upgrades.service import UpgradesService
from holdfast.jobs import Run
from holdfast.web.errors import answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["upgrades"])
Service = Annotated[UpgradesService, Depends(part(UpgradesService))]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class UpgradeIn(_In):
    version: str = Field(max_length=20, examples=["18"])
    rehearse: bool = Field(default=False, description="Try it on a copy and say how it went; nothing changes.")
    confirm: str = Field(default="", max_length=200, description="The name, typed; not asked for a rehearsal.")


class TakeBackIn(_In):
    confirm: str = Field(max_length=200, description="The name, typed.")
    snapshot: bool = Field(default=True, description="Save what was written since first; false throws it away.")


class UpgradeOut(BaseModel):
    """An upgrade. `report` says how long each part took, what differed, and what is not taken along."""

    id: str
    resource_id: str
    actor: str
    from_version: str
    to_version: str
    rehearse: bool
    snapshot_id: str
    state: str
    report: dict[str, Any]
    error: dict[str, Any] | None
    kept_until: datetime | None
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, upgrade: Upgrade) -> UpgradeOut:
        values = vars(upgrade)
        return cls(**{name: values[name] for name in cls.model_fields})


class UpgradeRunOut(BaseModel):
    """An upgrade and the run that works on it."""

    upgrade: UpgradeOut
    run: RunOut


def _pair(made: tuple[Upgrade, Run]) -> UpgradeRunOut:
    return UpgradeRunOut(upgrade=UpgradeOut.of(made[0]), run=RunOut.of(made[1]))


@router.post(
    "/databases/{database_id}/upgrades",
    operation_id="upgrade_create",
    status_code=202,
    responses=answers(403, 404, 409),
)
def create(body: UpgradeIn, actor: CurrentActor, service: Service, database_id: str) -> UpgradeRunOut:
    """Rehearse on a copy and then switch: nobody reaches the database from the last capture until the switch."""
    made = service.upgrade(actor, database_id, body.version, rehearse=body.rehearse, confirm=body.confirm)
    return _pair(made)


@router.get("/databases/{database_id}/upgrades", operation_id="upgrade_list", responses=answers(403, 404))
def list_(
    actor: CurrentActor, service: Service, database_id: str, limit: Limit = 50, cursor: Cursor = None
) -> Page[UpgradeOut]:
    """A database's upgrades and rehearsals, newest first."""
    rows = service.list(actor, database_id, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, UpgradeOut.of, lambda upgrade: upgrade.id)


@router.post(
    "/upgrades/{upgrade_id}/take-back",
    operation_id="upgrade_take_back",
    status_code=202,
    responses=answers(403, 404, 409),
)
def take_back(body: TakeBackIn, actor: CurrentActor, service: Service, upgrade_id: str) -> UpgradeRunOut:
    """The old server with its old state again, within the grace. What was written since is in a last snapshot."""
    return _pair(service.take_back(actor, upgrade_id, body.confirm, snapshot=body.snapshot))
