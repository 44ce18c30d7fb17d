"""/api/v1/databases/{id}/logins and /api/v1/logins."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field

from holdfast.features.access.http import CurrentActor
from holdfast.features.connections.logins import LoginService
from holdfast.features.connections.model import NamedLogin
from holdfast.web.errors import answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["logins"])
Service = Annotated[LoginService, Depends(part(LoginService))]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LoginIn(_In):
    name: str = Field(max_length=48, examples=["reporting"])
    access: Literal["ro", "rw", "owner"] = "ro"


class LoginDropIn(_In):
    confirm: str = Field(max_length=200, description="The login's name, typed.")
    hand_over: bool = Field(default=False, description="Give what it owns to the owner; refused without.")


class LoginOut(BaseModel):
    """A lasting login of a database."""

    id: str
    resource_id: str
    name: str
    access: str
    created_by: str
    created_at: datetime
    rotated_at: datetime
    revoked_at: datetime | None

    @classmethod
    def of(cls, login: NamedLogin) -> LoginOut:
        values = vars(login)
        return cls(**{name: values[name] for name in cls.model_fields})


class LoginShownOut(BaseModel):
    """A login and, this once, its password."""

    login: LoginOut
    password: str
    url: str


def _shown(made: tuple[NamedLogin, str, str]) -> LoginShownOut:
    return LoginShownOut(login=LoginOut.of(made[0]), password=made[1], url=made[2])


@router.post(
    "/databases/{database_id}/logins", operation_id="login_create", status_code=201, responses=answers(403, 404, 409)
)
def create(body: LoginIn, actor: CurrentActor, service: Service, database_id: str) -> LoginShownOut:
    """Make a named login with a password of its own."""
    return _shown(service.create(actor, database_id, body.name, body.access))


@router.get("/databases/{database_id}/logins", operation_id="login_list", responses=answers(403, 404))
def list_(
    actor: CurrentActor, service: Service, database_id: str, limit: Limit = 50, cursor: Cursor = None
) -> Page[LoginOut]:
    """A database's named logins, oldest first."""
    rows = service.list(actor, database_id, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, LoginOut.of, lambda login: login.id)


@router.post("/logins/{login_id}/rotate", operation_id="login_rotate", responses=answers(403, 404, 409))
def rotate(actor: CurrentActor, service: Service, login_id: str) -> LoginShownOut:
    """A new password; the old one is no good any more."""
    return _shown(service.rotate(actor, login_id))


@router.post("/logins/{login_id}/revoke", operation_id="login_revoke", responses=answers(403, 404, 409))
def revoke(actor: CurrentActor, service: Service, login_id: str) -> LoginOut:
    """Nobody signs in with it until it is rotated; its sessions end."""
    return LoginOut.of(service.revoke(actor, login_id))


@router.delete("/logins/{login_id}", operation_id="login_drop", status_code=204, responses=answers(403, 404, 409))
def drop(body: LoginDropIn, actor: CurrentActor, service: Service, login_id: str) -> None:
    """Remove a login."""
    service.drop(actor, login_id, body.confirm, hand_over=body.hand_over)
