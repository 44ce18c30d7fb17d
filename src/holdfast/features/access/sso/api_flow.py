"""/api/v1/sso: the way to a provider and back, and one's own identities."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, RedirectResponse

from holdfast.features.access.http import CurrentActor, set_session
from holdfast.features.access.sso import pages
from holdfast.features.access.sso.api_providers import origin_of
from holdfast.features.access.sso.flow import STATE_LIFE, Departure
from holdfast.features.access.sso.model import Identity, Provider
from holdfast.features.access.sso.providers import ProvidersService
from holdfast.features.access.sso.sign_in import SsoService
from holdfast.kernel.errors import HoldfastError
from holdfast.web.errors import ANONYMOUS, answers, render
from holdfast.web.parts import part
from holdfast.web.routes import Routes

COOKIE = "holdfast_sso"
SECURE_COOKIE = "__Host-holdfast_sso"
_WORDS = {
    "sign_in": "You are signed in.",
    "link": "From now on you can sign in there.",
    "step_up": "For ten minutes this session may reveal, restore and make keys.",
}
router = Routes(prefix="/sso", tags=["single sign-on"])
Sso = Annotated[SsoService, Depends(part(SsoService))]
Providers = Annotated[ProvidersService, Depends(part(ProvidersService))]
Given = Annotated[str | None, Query(max_length=4096)]


class OfferedOut(BaseModel):
    """A button on the sign-in page."""

    id: str
    name: str
    start: str

    @classmethod
    def of(cls, provider: Provider) -> OfferedOut:
        return cls(id=provider.id, name=provider.name, start=f"/api/v1/sso/{provider.id}/start")


class OffersOut(BaseModel):
    providers: list[OfferedOut]


class DepartureOut(BaseModel):
    url: str = Field(description="Send the browser there; it comes back by itself.")


class IdentityOut(BaseModel):
    """One person at one issuer."""

    id: str
    provider_id: str
    issuer: str
    email: str
    created_at: datetime
    signed_in_at: datetime | None

    @classmethod
    def of(cls, identity: Identity) -> IdentityOut:
        shown = {name: value for name, value in vars(identity).items() if name not in ("subject", "user_id")}
        return cls(**shown)


class IdentitiesOut(BaseModel):
    identities: list[IdentityOut]


@router.get(
    "",
    operation_id="sso_offer_list",
    summary="Which providers to sign in with",
    description="What the sign-in page shows: names, and where to begin.",
    responses=answers(),
    openapi_extra=ANONYMOUS,
)
def offers(providers: Providers) -> OffersOut:
    return OffersOut(providers=[OfferedOut.of(each) for each in providers.offered()])


@router.get(
    "/identities",
    operation_id="sso_identity_list",
    summary="My identities",
    description="Where the account may be signed in from.",
    responses=answers(),
)
def identities(actor: CurrentActor, sso: Sso) -> IdentitiesOut:
    return IdentitiesOut(identities=[IdentityOut.of(each) for each in sso.identities(actor)])


@router.delete(
    "/identities/{identity_id}",
    operation_id="sso_identity_delete",
    summary="Unlink an identity",
    description="One's own. Roles that came from its groups go with it. Needs the password again.",
    responses=answers(403, 404),
    status_code=204,
)
def unlink(identity_id: str, actor: CurrentActor, sso: Sso) -> None:
    sso.unlink(actor, identity_id)


@router.get(
    "/{provider_id}/start",
    operation_id="sso_start",
    summary="Sign in at a provider",
    description="Sends the browser there, with a cookie that recognises it when it comes back.",
    responses={303: {"description": "To the provider."}, **answers(503)},
    openapi_extra=ANONYMOUS,
    response_class=RedirectResponse,
    status_code=303,
)
def start(provider_id: str, request: Request, sso: Sso) -> Response:
    try:
        departure = sso.start(provider_id, origin_of(request))
    except HoldfastError as error:
        return _refused(request, error)
    answer = RedirectResponse(departure.url, status_code=303)
    _remember(request, answer, departure)
    return answer


@router.get(
    "/{provider_id}/callback",
    operation_id="sso_callback",
    summary="Back from a provider",
    description="The provider sends the browser here. Sets the session's cookie and leads on to the start page.",
    responses={200: {"content": {"text/html": {}}, "description": "A page."}, **answers(403, 409, 503)},
    openapi_extra=ANONYMOUS,
    response_class=Response,
)
def callback(
    provider_id: str,
    request: Request,
    sso: Sso,
    code: Given = None,
    state: Given = None,
    iss: Given = None,
    error: Given = None,
) -> Response:
    told = {"code": code, "state": state, "iss": iss, "error": error}
    query = {name: value for name, value in told.items() if value is not None}
    browser = request.cookies.get(_cookie(request))
    try:
        done = sso.finish(provider_id, query, browser, request.headers.get("user-agent"))
    except HoldfastError as failure:
        return _forget(request, _refused(request, failure))
    answer = pages.arrived(_WORDS[done.purpose])
    if done.session is not None:
        set_session(request, answer, done.session.token)
    return _forget(request, answer)


@router.post(
    "/{provider_id}/link",
    operation_id="sso_link",
    summary="Link my account to a provider",
    description="Answers where to send the browser. Needs a browser session and the password again.",
    responses=answers(403, 409, 503),
)
def link(provider_id: str, actor: CurrentActor, request: Request, response: Response, sso: Sso) -> DepartureOut:
    departure = sso.start_link(actor, provider_id, origin_of(request))
    _remember(request, response, departure)
    return DepartureOut(url=departure.url)


@router.post(
    "/{provider_id}/step-up",
    operation_id="sso_step_up",
    summary="Type the password again at a provider",
    description="For accounts that have none here. Answers where to send the browser. Needs a browser session.",
    responses=answers(403, 409, 503),
)
def step_up(provider_id: str, actor: CurrentActor, request: Request, response: Response, sso: Sso) -> DepartureOut:
    departure = sso.start_step_up(actor, provider_id, origin_of(request))
    _remember(request, response, departure)
    return DepartureOut(url=departure.url)


def _cookie(request: Request) -> str:
    return SECURE_COOKIE if request.url.scheme == "https" else COOKIE


def _remember(request: Request, response: Response, departure: Departure) -> None:
    """Lax: it must come along when the provider's redirect opens our page."""
    secure = request.url.scheme == "https"
    life = int(STATE_LIFE.total_seconds())
    response.set_cookie(
        _cookie(request), departure.browser, max_age=life, httponly=True, samesite="lax", secure=secure, path="/"
    )


def _forget(request: Request, response: Response) -> Response:
    secure = request.url.scheme == "https"
    response.delete_cookie(_cookie(request), path="/", httponly=True, samesite="lax", secure=secure)
    return response


def _refused(request: Request, error: HoldfastError) -> Response:
    """A page for browsers, the usual envelope for everything else."""
    if "text/html" in request.headers.get("accept", ""):
        return pages.refused(error)
    answer = render(error)
    assert isinstance(answer, JSONResponse)  # noqa: S101 - one of ours
    return answer
