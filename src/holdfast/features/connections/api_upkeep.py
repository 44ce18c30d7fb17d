"""/api/v1/databases/{id}/chores, /settings and /extensions."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field

from holdfast.features.access.http import CurrentActor
from holdfast.features.connections.upkeep import UpkeepService
from holdfast.features.runs.wire import RunOut
from holdfast.web.errors import answers
from holdfast.web.paging import Page
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["upkeep"])
Service = Annotated[UpkeepService, Depends(part(UpkeepService))]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ChoreIn(_In):
    target: str | None = Field(default=None, max_length=200, description='One table, "schema.table".')


class SettingsIn(_In):
    """null sets one back to its default."""

    settings: dict[str, str | None] = Field(max_length=50, examples=[{"work_mem": "8MB"}])


class ExtensionDropIn(_In):
    confirm: str = Field(max_length=200, description="The database's name, typed.")
    cascade: bool = Field(default=False, description="Drop what needs it too.")


class ChoreOut(BaseModel):
    """A chore; `blocks` says who waits while it is done."""

    name: str
    title: str
    blocks: str
    targets: bool
    copies: bool


class SettingOut(BaseModel):
    """A setting: `value` counts now, `pending` waits for what `applies` says."""

    name: str
    description: str
    kind: str
    value: str
    default: str
    applies: str
    scope: str
    changed: bool
    pending: str | None
    unit: str | None
    minimum: str | None
    maximum: str | None
    choices: list[str]


class ExtensionOut(BaseModel):
    """An extension that may be enabled; `installed` null = it is not."""

    name: str
    description: str
    available: str
    installed: str | None


class RunStartedOut(BaseModel):
    """The run that does it."""

    run: RunOut


def _settings(found: Any) -> Page[SettingOut]:
    return Page[SettingOut](items=[SettingOut.model_validate(asdict(each)) for each in found])


@router.get("/databases/{database_id}/chores", operation_id="chore_list", responses=answers(403, 404))
def list_chores(actor: CurrentActor, service: Service, database_id: str) -> Page[ChoreOut]:
    """What can be done for this database."""
    return Page[ChoreOut](items=[ChoreOut(**asdict(each)) for each in service.chores(actor, database_id)])


@router.post(
    "/databases/{database_id}/chores/{name}",
    operation_id="chore_run",
    status_code=202,
    responses=answers(403, 404, 409),
)
def run_chore(body: ChoreIn, actor: CurrentActor, service: Service, database_id: str, name: str) -> RunStartedOut:
    """Do it, as a run with progress; cancelling the run ends it."""
    return RunStartedOut(run=RunOut.of(service.maintain(actor, database_id, name, body.target)))


@router.get("/databases/{database_id}/settings", operation_id="setting_list", responses=answers(403, 404, 409))
def list_settings(actor: CurrentActor, service: Service, database_id: str) -> Page[SettingOut]:
    """The settings that can be changed here, with their values."""
    return _settings(service.settings(actor, database_id))


@router.patch("/databases/{database_id}/settings", operation_id="setting_update", responses=answers(403, 404, 409))
def update_settings(body: SettingsIn, actor: CurrentActor, service: Service, database_id: str) -> Page[SettingOut]:
    """Change settings: all of them, or none when one is refused."""
    return _settings(service.tune(actor, database_id, body.settings))


@router.get("/databases/{database_id}/extensions", operation_id="extension_list", responses=answers(403, 404, 409))
def list_extensions(actor: CurrentActor, service: Service, database_id: str) -> Page[ExtensionOut]:
    """Extensions this server has that may be enabled."""
    found = service.extensions(actor, database_id)
    return Page[ExtensionOut](items=[ExtensionOut(**asdict(each)) for each in found])


@router.put(
    "/databases/{database_id}/extensions/{name}",
    operation_id="extension_enable",
    status_code=204,
    responses=answers(403, 404, 409),
)
def enable(actor: CurrentActor, service: Service, database_id: str, name: str) -> None:
    """Enable an extension."""
    service.enable(actor, database_id, name)


@router.delete(
    "/databases/{database_id}/extensions/{name}",
    operation_id="extension_disable",
    status_code=204,
    responses=answers(403, 404, 409),
)
def disable(body: ExtensionDropIn, actor: CurrentActor, service: Service, database_id: str, name: str) -> None:
    """Disable an extension; what needs it is dropped only with `cascade`."""
    service.disable(actor, database_id, name, body.confirm, cascade=body.cascade)
