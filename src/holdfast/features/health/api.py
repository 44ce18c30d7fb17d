"""/health, /health/live, /health/ready: outside /api/v1, because probes do not speak versions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Response
from pydantic import BaseModel, Field

from holdfast.features.access.http import CurrentActor
from holdfast.features.health.ping import Health, Status
from holdfast.web.errors import ANONYMOUS, answers
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(prefix="/health", tags=["health"])
Parts = Annotated[Health, Depends(part(Health))]


class ServiceOut(BaseModel):
    status: Status
    latency_ms: float
    message: str | None = Field(default=None, description="Facts when it is up, the reason when it is down.")
    hint: str | None = Field(default=None, description="What to do about it.")


class HealthOut(BaseModel):
    """`down` when a part that is needed is down, `degraded` when another is."""

    status: Status
    timestamp: datetime
    services: dict[str, ServiceOut]


class LiveOut(BaseModel):
    status: Status = "ok"


@router.get("/live", operation_id="health_live", openapi_extra=ANONYMOUS)
async def live() -> LiveOut:
    """Whether the process answers. The one route that needs no credential; says nothing else."""
    return LiveOut()


@router.get("/ready", operation_id="health_ready", responses=answers(403, 503))
def ready(actor: CurrentActor, health: Parts, response: Response) -> HealthOut:
    """As /health, with 503 while a needed part is down."""
    out = _health(actor, health)
    if out.status == "down":
        response.status_code = 503
    return out


@router.get("", operation_id="health_read", responses=answers(403))
def read(actor: CurrentActor, health: Parts) -> HealthOut:
    """Each part's state and latency; always 200, the body tells."""
    return _health(actor, health)


def _health(actor: CurrentActor, health: Health) -> HealthOut:
    actor.require("system.read")
    asked = health.ask()
    services = {name: ServiceOut(**vars(answer)) for name, answer in asked.items()}
    return HealthOut(status=health.overall(asked), timestamp=datetime.now(UTC), services=services)
