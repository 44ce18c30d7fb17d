"""/api/v1/invites."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from pydantic import BaseModel, Field

from holdfast.features.access.accounts.api_wire import Name, NewPassword, RoleName, Token, Url, origin_of
from holdfast.features.access.accounts.invites import Acceptance, InvitesService, WantedInvite
from holdfast.features.access.accounts.model import Invite, RoleGrant
from holdfast.features.access.api import WhoOut
from holdfast.features.access.http import CurrentActor, IdempotencyKey, session_token, set_session
from holdfast.features.access.service import AccessService
from holdfast.web.errors import ANONYMOUS, answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.wire import In

router = Routes(prefix="/invites", tags=["people"])
Invites = Annotated[InvitesService, Depends(part(InvitesService))]
Access = Annotated[AccessService, Depends(part(AccessService))]


class RoleGrantIn(In):
    """A role in a project, or in one of its environments only."""

    role: RoleName
    project_id: str = Field(max_length=40)
    environment_id: str | None = Field(default=None, max_length=40)


class InviteIn(In):
    """Who is asked in, and with which rights: never more than the inviter's."""

    email: str = Field(max_length=254, examples=["ada@example.org"])
    role: RoleName = Field(default="member", description="In the whole installation; `member` is nothing by itself.")
    url: Url = None
    grants: list[RoleGrantIn] = Field(default=[], max_length=50, description="Roles in projects besides.")


class InviteOut(BaseModel):
    """An invite; its link only in the answer that made it."""

    id: str
    email: str
    role: str
    grants: list[RoleGrantIn]
    created_by: str
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None
    accepted_by: str | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, invite: Invite) -> InviteOut:
        return cls(**_wire(invite))


class NewInviteOut(InviteOut):
    link: str | None = Field(description="Shown this once. null when an Idempotency-Key repeats the request.")


class AcceptIn(In):
    """The link's token and the account to make."""

    token: Token
    name: Name = ""
    password: NewPassword


def _wire(invite: Invite) -> dict[str, Any]:
    return {**vars(invite), "grants": [RoleGrantIn(**vars(grant)) for grant in invite.grants]}


def _kept(invite: Invite) -> dict[str, Any]:
    return NewInviteOut(**_wire(invite), link=None).model_dump(mode="json")


@router.post(
    "",
    operation_id="invite_create",
    summary="Invite someone",
    description="Answers a link that works once, for seven days; hand it on. Ends any open invite to the same address."
    " Browser sessions need the password again first.",
    responses=answers(403, 404, 409),
    status_code=201,
)
def create(
    body: InviteIn, actor: CurrentActor, invites: Invites, once: IdempotencyKey, request: Request
) -> NewInviteOut:
    grants = tuple(RoleGrant(**grant.model_dump()) for grant in body.grants)
    wanted = WantedInvite(body.email, body.role, grants)
    made, link = invites.create(actor, wanted, once.answering(_kept), origin=body.url or origin_of(request))
    return NewInviteOut(**_wire(made), link=link)


@router.get(
    "",
    operation_id="invite_list",
    summary="List invites",
    description="In order of creation; with `open`, only those whose link still works.",
    responses=answers(403),
)
def list_(
    actor: CurrentActor, invites: Invites, *, open: bool = False, limit: Limit = 50, cursor: Cursor = None
) -> Page[InviteOut]:
    rows = invites.list(actor, only_open=open, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, InviteOut.of, lambda invite: invite.id)


@router.delete(
    "/{invite_id}",
    operation_id="invite_revoke",
    summary="Revoke an invite",
    description="Its link is dead at once. The record stays, with the moment.",
    responses=answers(403, 404, 409),
)
def revoke(invite_id: str, actor: CurrentActor, invites: Invites) -> InviteOut:
    return InviteOut.of(invites.revoke(actor, invite_id))


@router.post(
    "/accept",
    operation_id="invite_accept",
    summary="Accept an invite",
    description="Makes the account and signs in. One answer for every link that does not work.",
    responses=answers(403, 429),
    openapi_extra=ANONYMOUS,
    status_code=201,
)
def accept(body: AcceptIn, invites: Invites, access: Access, request: Request, response: Response) -> WhoOut:
    made = invites.accept(
        Acceptance(
            body.token.get_secret_value(),
            body.name.strip(),
            body.password.get_secret_value(),
            request.headers.get("user-agent"),
            session_token(request),
        )
    )
    set_session(request, response, made.token)
    return WhoOut.of(access.actor_of(made.token))
