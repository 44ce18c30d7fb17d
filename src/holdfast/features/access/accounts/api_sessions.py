"""/api/v1/sessions and the passwords of /api/v1/session: where one is signed in, and a new password."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request, Response
from pydantic import BaseModel, Field

from holdfast.features.access.accounts.api_wire import NewPassword, Password, Token
from holdfast.features.access.accounts.recovery import RecoveryService
from holdfast.features.access.accounts.sessions import SessionsService
from holdfast.features.access.accounts.store import LiveSession
from holdfast.features.access.actor import Actor
from holdfast.features.access.api import WhoOut
from holdfast.features.access.http import CurrentActor, clear_session, set_session
from holdfast.features.access.service import AccessService
from holdfast.web.errors import ANONYMOUS, answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.wire import In

router = Routes(tags=["sessions"])
Sessions = Annotated[SessionsService, Depends(part(SessionsService))]
Recovery = Annotated[RecoveryService, Depends(part(RecoveryService))]
Access = Annotated[AccessService, Depends(part(AccessService))]


class SessionOut(BaseModel):
    """A browser that is signed in."""

    id: str
    created_at: datetime
    seen_at: datetime = Field(description="To the minute.")
    address: str | None
    user_agent: str | None
    current: bool = Field(description="Whether this very request came with it.")

    @classmethod
    def of(cls, session: LiveSession, actor: Actor) -> SessionOut:
        kept = {key: value for key, value in vars(session).items() if key != "user_id"}
        return cls(**kept, current=session.id == actor.session_id)


class Ended(BaseModel):
    ended: int = Field(description="How many sessions.")


class PasswordIn(In):
    old_password: Password
    new_password: NewPassword


class NewPasswordIn(In):
    token: Token
    password: NewPassword


@router.get(
    "/sessions",
    operation_id="session_list",
    summary="Where am I signed in",
    description="One's own sessions. Empty for an API key.",
    responses=answers(),
)
def list_(actor: CurrentActor, sessions: Sessions, limit: Limit = 50, cursor: Cursor = None) -> Page[SessionOut]:
    rows = sessions.own(actor, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, lambda row: SessionOut.of(row, actor), lambda row: row.id)


@router.delete(
    "/sessions/{session_id}",
    operation_id="session_revoke",
    summary="End one of my sessions",
    description="At once. Ending the present one signs out.",
    responses=answers(403, 404),
    status_code=204,
)
def end(session_id: str, actor: CurrentActor, sessions: Sessions, request: Request, response: Response) -> None:
    sessions.end(actor, session_id)
    if session_id == actor.session_id:
        clear_session(request, response)


@router.post(
    "/sessions/revoke-others",
    operation_id="session_revoke_others",
    summary="End all my other sessions",
    description="Refresh tokens too. Only this browser stays signed in.",
    responses=answers(403, 409),
)
def end_others(actor: CurrentActor, sessions: Sessions) -> Ended:
    return Ended(ended=sessions.end_others(actor))


@router.post(
    "/session/password",
    operation_id="session_password",
    summary="Change my password",
    description="Proven by the old one, failures slowed down as at sign-in. All other sessions end; this one gets a new"
    " cookie.",
    responses=answers(403, 409, 429),
)
def change_password(
    body: PasswordIn, actor: CurrentActor, recovery: Recovery, access: Access, request: Request, response: Response
) -> WhoOut:
    made = recovery.change(
        actor,
        body.old_password.get_secret_value(),
        body.new_password.get_secret_value(),
        request.headers.get("user-agent"),
    )
    set_session(request, response, made.token)
    return WhoOut.of(access.actor_of(made.token))


@router.post(
    "/session/reset",
    operation_id="session_reset",
    summary="Choose a new password by a reset link",
    description="Once, within an hour of the link. Then sign in.",
    responses=answers(403, 429),
    openapi_extra=ANONYMOUS,
    status_code=204,
)
def redeem(body: NewPasswordIn, recovery: Recovery) -> None:
    recovery.redeem(body.token.get_secret_value(), body.password.get_secret_value())
