"""/api/v1/grants and /api/v1/projects/{project_id}/members."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BaseModel, Field, model_validator

from holdfast.features.access.granting.grants import GrantsService
from holdfast.features.access.granting.model import Given, Member, ShownGrant, WantedGrant
from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.web.errors import answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, decode_cursor, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.wire import In

router = Routes(tags=["roles"])
Service = Annotated[GrantsService, Depends(part(GrantsService))]
Id = Annotated[str | None, Query(max_length=40)]


class GrantIn(In):
    """A role for someone: in an environment, in a project, or (without either) in the whole installation."""

    role: str = Field(max_length=40, examples=["operator"])
    user_id: str | None = Field(default=None, max_length=40)
    email: str | None = Field(default=None, max_length=254, description="Instead of `user_id`.")
    project_id: str | None = Field(default=None, max_length=40)
    environment_id: str | None = Field(default=None, max_length=40)

    @model_validator(mode="after")
    def _one_person(self) -> GrantIn:
        if (self.user_id is None) is (self.email is None):
            raise ValueError("give user_id or email")
        return self


class GrantOut(BaseModel):
    """A role someone holds. Without a project: in the whole installation."""

    id: str
    user_id: str
    role: str
    project_id: str | None
    environment_id: str | None
    created_by: str
    created_at: datetime

    @classmethod
    def of(cls, given: Given) -> GrantOut:
        return cls(**vars(given))


class ShownGrantOut(GrantOut):
    """With the names of the person and the place."""

    email: str
    name: str
    project: str | None = Field(description="null = in the whole installation.")
    environment: str | None = Field(description="null = in every environment.")

    @classmethod
    def shown(cls, given: ShownGrant) -> ShownGrantOut:
        return cls(**vars(given))


class MemberOut(BaseModel):
    """Someone who may do something in the project, and by what: once per role they hold."""

    user_id: str
    email: str
    name: str
    role: str
    project_id: str | None = Field(description="null = they hold the role in the whole installation.")
    environment_id: str | None = Field(description="null = in every environment.")
    grant_id: str | None = Field(description="null = it is their installation role: PATCH /api/v1/users/{user_id}.")

    @classmethod
    def of(cls, member: Member) -> MemberOut:
        return cls(**vars(member))


def _wire(given: Given) -> dict[str, Any]:
    return GrantOut.of(given).model_dump(mode="json")


@router.get(
    "/grants",
    operation_id="grant_list",
    summary="List who holds which role where",
    description="In order of creation, in the places where the caller may see roles.",
    responses=answers(403, 404),
)
def list_(
    actor: CurrentActor,
    service: Service,
    *,
    user_id: Id = None,
    role: Id = None,
    project_id: Id = None,
    environment_id: Id = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ShownGrantOut]:
    rows = service.list(
        actor,
        project_id=project_id,
        after=after_id(cursor),
        limit=limit + 1,
        user_id=user_id,
        role=role,
        environment_id=environment_id,
    )
    return page(rows, limit, ShownGrantOut.shown, lambda given: given.id)


@router.post(
    "/grants",
    operation_id="grant_create",
    summary="Give someone a role",
    description="Needs role.grant there, and everything the role allows. Sessions need the password again first.",
    responses=answers(403, 404, 409),
    status_code=201,
)
def create(body: GrantIn, actor: CurrentActor, service: Service, once: IdempotencyKey) -> GrantOut:
    return GrantOut.of(service.create(actor, WantedGrant(**body.model_dump()), once.answering(_wire)))


@router.delete(
    "/grants/{grant_id}",
    operation_id="grant_delete",
    summary="Take a role from someone",
    description="Counts at once. Needs role.grant there, and everything the role allows.",
    responses=answers(403, 404),
    status_code=204,
)
def delete(grant_id: str, actor: CurrentActor, service: Service) -> None:
    service.delete(actor, grant_id)


@router.get(
    "/projects/{project_id}/members",
    operation_id="member_list",
    summary="List who may do something in a project",
    description="By person, once per role they hold. Who sees one environment only is told of that one.",
    responses=answers(403, 404),
)
def members(
    project_id: str, actor: CurrentActor, service: Service, limit: Limit = 50, cursor: Cursor = None
) -> Page[MemberOut]:
    key = decode_cursor(cursor, str, str)
    after = None if key is None else (str(key[0]), str(key[1]))
    rows = service.members(actor, project_id, after=after, limit=limit + 1)
    return page(rows, limit, MemberOut.of, lambda member: (member.user_id, member.grant_id or ""))
