"""/api/v1/roles."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Query, Response
from pydantic import BaseModel, Field

from holdfast.features.access.granting.model import Role, WantedRole
from holdfast.features.access.granting.roles import RolesService
from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.web.errors import answers
from holdfast.web.etag import IfMatch, set_etag
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.wire import In

router = Routes(prefix="/roles", tags=["roles"])
Service = Annotated[RolesService, Depends(part(RolesService))]
Permissions = Annotated[
    list[Annotated[str, Field(max_length=80)]], Field(max_length=200, examples=[["snapshot.create", "run.read"]])
]


class RoleIn(In):
    """A custom role: a name for a set of permissions."""

    name: str = Field(min_length=2, max_length=40, examples=["restorer"])
    description: str = Field(default="", max_length=500)
    permissions: Permissions


class RolePatch(In):
    """What is left out stays. The name always does."""

    description: str | None = Field(default=None, max_length=500)
    permissions: Permissions | None = None


class RoleOut(BaseModel):
    """A role; of a built-in one the id is its name."""

    id: str
    name: str
    description: str
    permissions: list[str]
    built_in: bool
    version: int
    created_by: str | None
    created_at: datetime | None
    updated_at: datetime | None

    @classmethod
    def of(cls, role: Role) -> RoleOut:
        return cls(**{**vars(role), "permissions": sorted(role.permissions)})


def _wire(role: Role) -> dict[str, Any]:
    return RoleOut.of(role).model_dump(mode="json")


@router.get(
    "",
    operation_id="role_list",
    summary="List roles",
    description="The built-in ones, then the custom ones in order of creation.",
    responses=answers(403),
)
def list_(actor: CurrentActor, service: Service, limit: Limit = 50, cursor: Cursor = None) -> Page[RoleOut]:
    rows = service.list(actor, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, RoleOut.of, lambda role: role.id)


@router.post(
    "",
    operation_id="role_create",
    summary="Make a custom role",
    description="It holds no permission that its maker lacks anywhere. Browser sessions need the password again first.",
    responses=answers(403, 409),
    status_code=201,
)
def create(body: RoleIn, actor: CurrentActor, service: Service, once: IdempotencyKey, response: Response) -> RoleOut:
    wanted = WantedRole(body.name, frozenset(body.permissions), body.description)
    made = service.create(actor, wanted, once.answering(_wire))
    set_etag(response, made.version)
    return RoleOut.of(made)


@router.get(
    "/{role_id}",
    operation_id="role_read",
    summary="Show a role",
    description="By id; a built-in role by its name. Its ETag is what a change needs.",
    responses=answers(403, 404),
)
def read(role_id: str, actor: CurrentActor, service: Service, response: Response) -> RoleOut:
    found = service.get(actor, role_id)
    set_etag(response, found.version)
    return RoleOut.of(found)


@router.patch(
    "/{role_id}",
    operation_id="role_update",
    summary="Change a custom role",
    description="Counts at once for everyone who holds it. What is added must be the caller's own.",
    responses=answers(403, 404, 409, 412, 428),
)
def update(
    role_id: str, body: RolePatch, version: IfMatch, actor: CurrentActor, service: Service, response: Response
) -> RoleOut:
    changed = service.update(actor, role_id, version, body.model_dump(exclude_unset=True))
    set_etag(response, changed.version)
    return RoleOut.of(changed)


@router.delete(
    "/{role_id}",
    operation_id="role_delete",
    summary="Delete a custom role",
    description="Refused while anyone holds it, unless `force` takes it from them.",
    responses=answers(403, 404, 409),
    status_code=204,
)
def delete(
    role_id: str,
    actor: CurrentActor,
    service: Service,
    force: Annotated[bool, Query(description="Take it from everyone who holds it.")] = False,
) -> None:
    service.delete(actor, role_id, force=force)
