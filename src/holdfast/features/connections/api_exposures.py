"""/api/v1/databases/{id}/exposure, and the authority whose certificates doors show."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.concurrency import run_in_threadpool

from holdfast.features.access.http import CurrentActor
from holdfast.features.connections.certificates import ends_at
from holdfast.features.connections.doorman import Doorman
from holdfast.features.connections.exposures import ExposureService, Wanted
from holdfast.features.connections.model import Exposure
from holdfast.web.errors import answers
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["connections"])
Service = Annotated[ExposureService, Depends(part(ExposureService))]
Doors = Annotated[Doorman, Depends(part(Doorman))]


class ExposureIn(BaseModel):
    """Whom to let in, and with which certificate."""

    model_config = ConfigDict(extra="forbid")
    allow: list[str] = Field(max_length=100, examples=[["10.0.0.0/8"]], description="Networks or addresses.")
    host: str = Field(default="0.0.0.0", max_length=64, description="Where to listen.")  # noqa: S104
    port: int = Field(default=0, ge=0, le=65535, description="0 takes a free one.")
    names: list[str] = Field(
        default=["localhost"],
        max_length=20,
        description="For a certificate of the installation's authority.",
    )
    certificate: str = Field(default="", max_length=100_000, description="Your own, PEM, with its chain.")
    key: SecretStr = Field(default=SecretStr(""), max_length=20_000, description="Its private key, PEM.")
    confirm: str = Field(default="", max_length=200, description="The database's name: asked for in production.")


class ExposureOut(BaseModel):
    """An open door. `open` false = it should be and is not: see health."""

    resource_id: str
    host: str
    port: int
    allow: list[str]
    names: list[str]
    certificate: str
    uploaded: bool
    expires_at: datetime
    open: bool
    connections: int
    created_by: str
    created_at: datetime


def _out(exposure: Exposure, doors: Doorman) -> ExposureOut:
    door = doors.doors.get(exposure.resource_id)
    values = {name: value for name, value in vars(exposure).items() if name in ExposureOut.model_fields}
    return ExposureOut(
        **values,
        expires_at=ends_at(exposure.certificate),
        open=door is not None,
        connections=len(door.guests) if door is not None else 0,
    )


@router.put("/databases/{database_id}/exposure", operation_id="exposure_open", responses=answers(403, 404, 409))
async def open_(body: ExposureIn, actor: CurrentActor, service: Service, doors: Doors, database_id: str) -> ExposureOut:
    """Let listed addresses reach the database over TLS; again changes how. Open when answered, if it can be."""
    wanted = Wanted(**{**body.model_dump(), "key": body.key.get_secret_value()})
    made = await run_in_threadpool(service.open, actor, database_id, wanted)
    await doors.attend()  # a wake-up may be lost: its next look is ten seconds away
    return _out(made, doors)


@router.get("/databases/{database_id}/exposure", operation_id="exposure_get", responses=answers(403, 404))
def get(actor: CurrentActor, service: Service, doors: Doors, database_id: str) -> ExposureOut:
    """How it is open; 404 when it is not."""
    return _out(service.get(actor, database_id), doors)


@router.delete(
    "/databases/{database_id}/exposure", operation_id="exposure_close", status_code=204, responses=answers(403, 404)
)
async def close(actor: CurrentActor, service: Service, doors: Doors, database_id: str) -> None:
    """Close it; its connections end before this answers."""
    await run_in_threadpool(service.close, actor, database_id)
    await doors.attend()


@router.get("/tls-authority", operation_id="tls_authority", responses=answers())
def authority(_actor: CurrentActor, service: Service) -> Response:
    """The certificate to trust, PEM: psql's sslrootcert. Empty while no database was ever opened."""
    return Response(service.authority(), media_type="application/x-pem-file")
