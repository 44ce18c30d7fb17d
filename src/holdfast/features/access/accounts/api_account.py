"""/api/v1/account: one's own account."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, Field

from holdfast.features.access.accounts.account import Account, AccountService
from holdfast.features.access.accounts.api_wire import Name
from holdfast.features.access.http import CurrentActor
from holdfast.web.errors import answers
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.wire import In

router = Routes(prefix="/account", tags=["account"])
Service = Annotated[AccountService, Depends(part(AccountService))]


class OwnRoleOut(BaseModel):
    """A role one holds in a project or in one of its environments."""

    role: str
    project_id: str | None = Field(description="null = in the whole installation.")
    project: str | None
    environment_id: str | None = Field(description="null = in every environment.")
    environment: str | None


class AccountOut(BaseModel):
    """Whoever asks, as a person: what the account is called, and which roles it holds where."""

    id: str
    email: str
    name: str
    role: str = Field(description="Role in the whole installation.")
    password_set: bool = Field(description="false where one only comes from an identity provider")
    created_at: datetime
    roles: list[OwnRoleOut] = Field(description="Those in projects and environments.")

    @classmethod
    def of(cls, account: Account) -> AccountOut:
        user = account.user
        return cls(
            id=user.id,
            email=user.email,
            name=user.name,
            role=user.role,
            password_set=bool(user.password_hash),
            created_at=user.created_at,
            roles=[OwnRoleOut(**vars(role)) for role in account.roles],
        )


class AccountPatch(In):
    name: Name


@router.get(
    "",
    operation_id="account_read",
    summary="My account",
    description="Needs no permission: it is the caller's own.",
    responses=answers(409),
)
def read(actor: CurrentActor, account: Service) -> AccountOut:
    return AccountOut.of(account.read(actor))


@router.patch(
    "",
    operation_id="account_update",
    summary="Change my name",
    description="What others see beside what one did. The e-mail stays.",
    responses=answers(403, 409),
)
def update(body: AccountPatch, actor: CurrentActor, account: Service) -> AccountOut:
    return AccountOut.of(account.rename(actor, body.name))
