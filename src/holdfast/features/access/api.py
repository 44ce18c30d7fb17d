"""/api/v1/session: first run, signing in and out, the password again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request, Response
from pydantic import BaseModel, Field, SecretStr, model_validator

from holdfast.features.access.actor import Actor
from holdfast.features.access.factors.wire import Code, OptionsOut, PasskeyIn, second_of
from holdfast.features.access.http import (
    CurrentActor,
    by_queue,
    clear_session,
    session_token,
    set_session,
    site_of,
)
from holdfast.features.access.permissions import PERMISSIONS, ROLES
from holdfast.features.access.service import MAX_PASSWORD, AccessService, SignedIn
from holdfast.kernel.errors import Denied
from holdfast.web.errors import ANONYMOUS, answers
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.wire import In

router = Routes(tags=["access"])
Access = Annotated[AccessService, Depends(part(AccessService))]
Password = Annotated[SecretStr, Field(max_length=MAX_PASSWORD)]


class FirstRunIn(In):
    """The link's token and the account to make."""

    token: SecretStr = Field(max_length=200)
    email: str = Field(max_length=254, examples=["you@example.org"])
    password: Password = Field(description="At least 12 characters.")


class SignInIn(In):
    """`code` or `passkey` only for an account with a second factor: the first answer says so."""

    email: str = Field(max_length=254)
    password: Password
    code: Code | None = None
    passkey: PasskeyIn | None = None


class StepUpIn(In):
    """The password, with `code` where there is a second factor; or a passkey alone."""

    password: Password | None = None
    code: Code | None = None
    passkey: PasskeyIn | None = None

    @model_validator(mode="after")
    def _something(self) -> StepUpIn:
        if self.password is None and self.passkey is None:
            raise ValueError("password or passkey is needed")
        return self


class WhoOut(BaseModel):
    """Who the credential belongs to and what it may do."""

    id: str
    kind: str
    display: str
    permissions: list[str]
    projects: list[str] | None = Field(description="null = every project")
    stepped_up: bool
    must_enrol: bool = Field(description="Nothing works but getting a second factor, which is required here.")

    @classmethod
    def of(cls, actor: Actor) -> WhoOut:
        projects = None if actor.projects is None else sorted(actor.projects)
        return cls(
            id=actor.id,
            kind=actor.kind,
            display=actor.display,
            permissions=sorted(actor.permissions),
            projects=projects,
            stepped_up=actor.stepped_up,
            must_enrol=actor.must_enrol,
        )


class StepUpOut(BaseModel):
    valid_until: datetime


class LinkIn(In):
    """The address people reach this installation by, when it is not the default one."""

    url: str | None = Field(default=None, max_length=300, pattern=r"^https?://[A-Za-z0-9.:\[\]-]+$")


class LinkOut(BaseModel):
    link: str | None = Field(description="null when there is an owner")


class PermissionsOut(BaseModel):
    permissions: dict[str, str] = Field(description="Name -> what it allows.")
    roles: dict[str, list[str]] = Field(description="Role -> its permissions.")


@router.post(
    "/session/first-run",
    operation_id="session_first_run",
    summary="Make the owner from the first-run link",
    description="Works once, within 15 minutes of the link, while there is no owner. Signs in.",
    responses=answers(403, 409, 429),
    openapi_extra=ANONYMOUS,
    status_code=201,
)
def first_run(body: FirstRunIn, request: Request, response: Response, access: Access) -> WhoOut:
    made = access.exchange(
        body.token.get_secret_value(),
        body.email,
        body.password.get_secret_value(),
        request.headers.get("user-agent"),
    )
    return _signed_in(request, response, access, made)


@router.post(
    "/session/first-run/link",
    operation_id="session_first_run_link",
    summary="Make a new first-run link (admin.sock only)",
    description="Ends the earlier link. Answers null when there is an owner.",
    responses=answers(403),
)
def first_run_link(actor: CurrentActor, access: Access, body: LinkIn | None = None) -> LinkOut:
    actor.require_everywhere("system.admin")
    if actor.kind != "local":
        raise Denied("only the machine's owner makes this link", code="local_only", hint="Use admin.sock.")
    return LinkOut(link=access.first_run_link(body.url if body else None))


@router.post(
    "/session",
    operation_id="session_create",
    summary="Sign in",
    description=(
        "Sets an HttpOnly cookie. Repeated failures slow the account and the address down. With a second factor the "
        "answer to the right password alone is 401 `second_factor_required`, `details.methods` and, for passkeys, "
        "`details.passkey`: repeat the call with `code` or `passkey`."
    ),
    responses=answers(403, 429),
    openapi_extra=ANONYMOUS,
    status_code=201,
)
async def sign_in(body: SignInIn, request: Request, response: Response, access: Access) -> WhoOut:
    second, agent, old = second_of(body.code, body.passkey, site_of(request)), _agent(request), session_token(request)

    def work() -> tuple[SignedIn, Actor]:
        made = access.sign_in(body.email, body.password.get_secret_value(), second, agent=agent, old_token=old)
        return made, access.actor_of(made.token)

    made, actor = await by_queue(request, work)
    set_session(request, response, made.token)
    return WhoOut.of(actor)


@router.post(
    "/session/passkey/options",
    operation_id="session_passkey_options",
    summary="Begin to sign in with a passkey alone",
    description="For any passkey that the browser has for this host name. The challenge works once, for five minutes.",
    responses=answers(403, 409, 429),
    openapi_extra=ANONYMOUS,
)
def passkey_options(request: Request, access: Access) -> OptionsOut:
    made, options = access.passkey_options(site_of(request))
    return OptionsOut(flow=made.flow, options=options)


@router.post(
    "/session/passkey",
    operation_id="session_create_by_passkey",
    summary="Sign in with a passkey alone",
    description="No password: the passkey verified its user. Sets the same cookie as signing in by password.",
    responses=answers(403, 429),
    openapi_extra=ANONYMOUS,
    status_code=201,
)
def sign_in_by_passkey(body: PasskeyIn, request: Request, response: Response, access: Access) -> WhoOut:
    given = body.assertion(site_of(request))
    made = access.sign_in_by_passkey(given, agent=_agent(request), old_token=session_token(request))
    return _signed_in(request, response, access, made)


def _agent(request: Request) -> str | None:
    return request.headers.get("user-agent")


def _signed_in(request: Request, response: Response, access: AccessService, made: SignedIn) -> WhoOut:
    set_session(request, response, made.token)
    return WhoOut.of(access.actor_of(made.token))


@router.get(
    "/session",
    operation_id="session_read",
    summary="Who am I",
    description="The actor behind this request's credential, whatever kind it is.",
    responses=answers(),
)
def who(actor: CurrentActor) -> WhoOut:
    return WhoOut.of(actor)


@router.delete(
    "/session",
    operation_id="session_delete",
    summary="Sign out",
    description="Ends this browser's session and clears its cookie.",
    responses=answers(403),
    status_code=204,
)
def sign_out(actor: CurrentActor, request: Request, response: Response, access: Access) -> None:
    access.sign_out(actor)
    clear_session(request, response)


@router.post(
    "/session/step-up/options",
    operation_id="session_step_up_options",
    summary="Begin to step up with a passkey alone",
    description="For this session only. The challenge works once, for five minutes.",
    responses=answers(403, 409),
)
def step_up_options(actor: CurrentActor, request: Request, access: Access) -> OptionsOut:
    made, options = access.step_up_options(actor, site_of(request))
    return OptionsOut(flow=made.flow, options=options)


@router.post(
    "/session/step-up",
    operation_id="session_step_up",
    summary="Type the password again",
    description=(
        "With a code where there is a second factor, or a passkey alone. For ten minutes this session may reveal "
        "secrets, restore, and make keys. It gets a new cookie; the old one is dead."
    ),
    responses=answers(403, 409, 429),
)
async def step_up(
    body: StepUpIn, actor: CurrentActor, request: Request, response: Response, access: Access
) -> StepUpOut:
    second = second_of(body.code, body.passkey, site_of(request))
    password = body.password.get_secret_value() if body.password else None
    made = await by_queue(request, lambda: access.step_up(actor, password, second))
    set_session(request, response, made.token)
    return StepUpOut(valid_until=made.valid_until)


@router.get(
    "/permissions",
    operation_id="permission_list",
    summary="Every permission and role",
    description="What keys can be limited to.",
    responses=answers(),
)
def permissions(_actor: CurrentActor) -> PermissionsOut:
    return PermissionsOut(permissions=PERMISSIONS, roles={name: sorted(held) for name, held in ROLES.items()})
