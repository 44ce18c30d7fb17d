"""/api/v1/projects/{project_id}/masking-profiles and /api/v1/masking-profiles."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Response
from pydantic import BaseModel, Field

from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.masking.model import MaskingProfile
from holdfast.features.masking.service import MAX_LENGTH, MAX_STATEMENTS, MaskingService, WantedProfile
from holdfast.web.errors import answers
from holdfast.web.etag import IfMatch, set_etag
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.wire import Confirm, In

router = Routes(tags=["masking"])
Service = Annotated[MaskingService, Depends(part(MaskingService))]
Name = Annotated[str, Field(min_length=1, max_length=63, examples=["no-names"])]
Text = Annotated[str, Field(min_length=1, max_length=MAX_LENGTH)]
Statements = Annotated[
    list[Text],
    Field(min_length=1, max_length=MAX_STATEMENTS, examples=[["UPDATE people SET email = id || '@example.invalid'"]]),
]


class MaskingProfileIn(In):
    """Statements in the engine's own language, run in order on every copy made with this profile."""

    name: Name
    engine: str = Field(max_length=40, examples=["postgresql"])
    statements: Statements
    description: str = Field(default="", max_length=2000)


class MaskingProfilePatch(In):
    name: Name | None = None
    statements: Statements | None = None
    description: str | None = Field(default=None, max_length=2000)


class MaskingProfileOut(BaseModel):
    """A masking profile."""

    id: str
    project_id: str
    name: str
    engine: str
    description: str
    statements: list[str]
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, profile: MaskingProfile) -> MaskingProfileOut:
        return cls(**vars(profile))


def _wire(profile: MaskingProfile) -> dict[str, Any]:
    return MaskingProfileOut.of(profile).model_dump(mode="json")


@router.post(
    "/projects/{project_id}/masking-profiles",
    operation_id="masking_profile_create",
    status_code=201,
    responses=answers(403, 404, 409),
)
def create(
    project_id: str,
    body: MaskingProfileIn,
    actor: CurrentActor,
    service: Service,
    once: IdempotencyKey,
    response: Response,
) -> MaskingProfileOut:
    """Write down how copies out of production are masked."""
    made = service.create(actor, project_id, WantedProfile(**body.model_dump()), once.answering(_wire))
    set_etag(response, made.version)
    return MaskingProfileOut.of(made)


@router.get("/projects/{project_id}/masking-profiles", operation_id="masking_profile_list", responses=answers(403, 404))
def list_(
    project_id: str, actor: CurrentActor, service: Service, limit: Limit = 50, cursor: Cursor = None
) -> Page[MaskingProfileOut]:
    """A project's profiles, oldest first."""
    rows = service.list(actor, project_id, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, MaskingProfileOut.of, lambda profile: profile.id)


@router.get("/masking-profiles/{masking_profile_id}", operation_id="masking_profile_read", responses=answers(403, 404))
def read(masking_profile_id: str, actor: CurrentActor, service: Service, response: Response) -> MaskingProfileOut:
    """One profile with its statements."""
    found = service.get(actor, masking_profile_id)
    set_etag(response, found.version)
    return MaskingProfileOut.of(found)


@router.patch(
    "/masking-profiles/{masking_profile_id}",
    operation_id="masking_profile_update",
    responses=answers(403, 404, 409, 412, 428),
)
def update(
    masking_profile_id: str,
    body: MaskingProfilePatch,
    version: IfMatch,
    actor: CurrentActor,
    service: Service,
    response: Response,
) -> MaskingProfileOut:
    """Change the name, the description or the statements. Copies made before stay as they are."""
    changed = service.update(actor, masking_profile_id, version, body.model_dump(exclude_unset=True))
    set_etag(response, changed.version)
    return MaskingProfileOut.of(changed)


@router.delete(
    "/masking-profiles/{masking_profile_id}",
    operation_id="masking_profile_delete",
    status_code=204,
    responses=answers(403, 404),
)
def delete(masking_profile_id: str, body: Confirm, actor: CurrentActor, service: Service) -> None:
    """Delete a profile."""
    service.delete(actor, masking_profile_id, body.confirm)
