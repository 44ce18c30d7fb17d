"""/api/v1/users: people, their sessions, and the reset of an account."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from holdfast.features.access.accounts.api_sessions import Ended, SessionOut, Sessions
from holdfast.features.access.accounts.api_wire import Name, RoleName, Url, origin_of
from holdfast.features.access.accounts.recovery import RecoveryService
from holdfast.features.access.accounts.store import Person
from holdfast.features.access.accounts.users import UserChanges, UsersService
from holdfast.features.access.http import CurrentActor
from holdfast.web.errors import answers
from holdfast.web.etag import IfMatch, set_etag
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.wire import In

router = Routes(prefix="/users", tags=["people"])
Users = Annotated[UsersService, Depends(part(UsersService))]
Recovery = Annotated[RecoveryService, Depends(part(RecoveryService))]


class UserOut(BaseModel):
    """An account. Of a deleted one only its id and its dates are left."""

    id: str
    email: str | None = Field(description="null once the account is deleted")
    name: str
    role: str = Field(description="Role in the whole installation.")
    password_set: bool = Field(description="false while a reset link waits, or when one never was set")
    created_at: datetime
    last_seen_at: datetime | None
    second_factor: bool = Field(description="Whether they have one that counts.")
    disabled_at: datetime | None
    deleted_at: datetime | None
    version: int

    @classmethod
    def of(cls, person: Person) -> UserOut:
        user = person.user
        kept = {key: value for key, value in vars(user).items() if key not in ("password_hash", "email")}
        email = None if user.deleted_at else user.email
        return cls(
            **kept,
            email=email,
            password_set=bool(user.password_hash),
            last_seen_at=person.last_seen_at,
            second_factor=person.second_factor,
        )


class UserPatch(In):
    """What is left out stays as it is."""

    name: Name | None = None
    role: RoleName | None = None
    disabled: bool | None = None


class UserDelete(In):
    confirm: str = Field(max_length=254, description="The person's e-mail, typed.")


class ResetIn(In):
    url: Url = None


class ResetOut(BaseModel):
    link: str = Field(description="To choose a new password with: once, within an hour. Shown this once.")


@router.get(
    "",
    operation_id="user_list",
    summary="List people",
    description="In order of creation; with `deleted`, what is left of deleted accounts instead.",
    responses=answers(403),
)
def list_(
    actor: CurrentActor,
    users: Users,
    email: Annotated[str | None, Query(max_length=254, description="Only this address.")] = None,
    *,
    deleted: bool = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[UserOut]:
    rows = users.list(actor, email=email, deleted=deleted, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, UserOut.of, lambda person: person.user.id)


@router.get(
    "/{user_id}",
    operation_id="user_read",
    summary="Show a person",
    description="Deleted ones too, without e-mail and name: records name them by id.",
    responses=answers(403, 404),
)
def read(user_id: str, actor: CurrentActor, users: Users, response: Response) -> UserOut:
    return _shown(users.get(actor, user_id), response)


@router.patch(
    "/{user_id}",
    operation_id="user_update",
    summary="Change a person",
    description="Name, role in the installation, disabled. Role and disabled need the password again, and nobody gives"
    " a role or changes a person beyond their own rights. The last active owner stays.",
    responses=answers(403, 404, 409, 412, 428),
)
def update(
    user_id: str, body: UserPatch, actor: CurrentActor, users: Users, version: IfMatch, response: Response
) -> UserOut:
    return _shown(users.update(actor, user_id, version, UserChanges(**body.model_dump())), response)


@router.delete(
    "/{user_id}",
    operation_id="user_delete",
    summary="Delete a person's account",
    description="Ends their sessions, tokens and keys and takes their roles. E-mail and name are erased; the id stays"
    " readable, because the audit log names it.",
    responses=answers(403, 404, 409),
    status_code=204,
)
def delete(user_id: str, body: UserDelete, actor: CurrentActor, users: Users) -> None:
    users.delete(actor, user_id, body.confirm)


@router.post(
    "/{user_id}/reset",
    operation_id="user_reset",
    summary="Let a person start anew",
    description="Ends password, sessions, second factors and lock-out, and answers a link to choose a new password.",
    responses=answers(403, 404, 409),
)
def reset(
    user_id: str, actor: CurrentActor, recovery: Recovery, request: Request, body: ResetIn | None = None
) -> ResetOut:
    return ResetOut(link=recovery.reset(actor, user_id, (body and body.url) or origin_of(request)))


@router.get(
    "/{user_id}/sessions",
    operation_id="user_session_list",
    summary="List a person's sessions",
    description="Those that still let them in.",
    responses=answers(403, 404),
)
def list_sessions(
    user_id: str, actor: CurrentActor, sessions: Sessions, limit: Limit = 50, cursor: Cursor = None
) -> Page[SessionOut]:
    rows = sessions.of(actor, user_id, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, lambda row: SessionOut.of(row, actor), lambda row: row.id)


@router.delete(
    "/{user_id}/sessions",
    operation_id="user_session_delete",
    summary="End a person's sessions",
    description="All of them, and refresh tokens. The password stays.",
    responses=answers(403, 404),
)
def end_sessions(user_id: str, actor: CurrentActor, sessions: Sessions) -> Ended:
    return Ended(ended=sessions.end_of(actor, user_id))


def _shown(person: Person, response: Response) -> UserOut:
    set_etag(response, person.user.version)
    return UserOut.of(person)
