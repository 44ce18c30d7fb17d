"""/api/v1/tokens and the public keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field, SecretStr, model_validator
from starlette.concurrency import run_in_threadpool

from holdfast.features.access.factors.wire import Code, PasskeyIn, second_of
from holdfast.features.access.http import CurrentActor, by_queue, current_actor, site_of
from holdfast.features.access.model import User
from holdfast.features.access.service import MAX_PASSWORD, AccessService
from holdfast.features.access.tokens.access_token import LIFE
from holdfast.features.access.tokens.model import Family, SigningKey
from holdfast.features.access.tokens.service import Pair, TokenService
from holdfast.web.errors import ANONYMOUS, answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.wire import In

JWKS_SECONDS = 300  # shorter than an access token's life, so that a key is known before its tokens are many
router = Routes(prefix="/tokens", tags=["tokens"])
well_known = Routes(tags=["tokens"])
Tokens = Annotated[TokenService, Depends(part(TokenService))]
Access = Annotated[AccessService, Depends(part(AccessService))]


class TokenIn(In):
    """An account's credentials; without them the tokens are for the request's own credential."""

    email: str | None = Field(default=None, max_length=254, examples=["you@example.org"])
    password: SecretStr | None = Field(default=None, max_length=MAX_PASSWORD)
    code: Code | None = None
    passkey: PasskeyIn | None = None
    name: str = Field(default="", max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$", examples=["laptop"])

    @model_validator(mode="after")
    def _both(self) -> TokenIn:
        if (self.email is None) is not (self.password is None):
            raise ValueError("email and password come together")
        return self


class RefreshIn(In):
    refresh_token: SecretStr = Field(max_length=200)


class RotateIn(In):
    at_once: bool = Field(default=False, description="Trust no earlier key from now on: every access token ends.")


class PairOut(BaseModel):
    """Both tokens, shown this once. The fields are those of RFC 6749 section 5.1."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a word of the protocol
    expires_in: int = Field(description="Seconds the access token counts.")
    refresh_token: str = Field(description="Works once; the answer to it holds the next.")
    family_id: str
    family_expires_at: datetime = Field(description="Then the credentials are needed again, however often refreshed.")

    @classmethod
    def of(cls, pair: Pair) -> PairOut:
        return cls(
            access_token=pair.access_token,
            expires_in=int(LIFE.total_seconds()),
            refresh_token=pair.refresh_token,
            family_id=pair.family.id,
            family_expires_at=pair.family.expires_at,
        )


class FamilyOut(BaseModel):
    """All tokens that came from one POST /tokens. `revoked_why`: revoked, reuse (of a spent token), reset."""

    id: str
    name: str
    user_id: str | None
    key_id: str | None
    address: str | None
    user_agent: str | None
    created_at: datetime
    refreshed_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    revoked_why: str | None

    @classmethod
    def of(cls, family: Family) -> FamilyOut:
        return cls(**vars(family))


class SigningKeyOut(BaseModel):
    """`slot`: current, next, or null for one that signs no more and counts until `expires_at`."""

    id: str
    slot: str | None
    created_at: datetime
    retired_at: datetime | None
    expires_at: datetime | None

    @classmethod
    def of(cls, key: SigningKey) -> SigningKeyOut:
        return cls(**{name: value for name, value in vars(key).items() if name != "public_jwk"})


class SigningKeysOut(BaseModel):
    keys: list[SigningKeyOut]


class JwksOut(BaseModel):
    """RFC 7517 section 5."""

    keys: list[dict[str, str]]


@router.post(
    "",
    operation_id="token_create",
    summary="Make an access token and a refresh token",
    description=(
        "For an account by e-mail and password, or for the API key or stepped-up session the request came with. The "
        "access token counts for ten minutes; it never steps up. The refresh token works once."
    ),
    responses=answers(403, 409, 429),
    openapi_extra=ANONYMOUS,
    status_code=201,
)
async def create(request: Request, tokens: Tokens, access: Access, body: TokenIn | None = None) -> PairOut:
    wanted = body or TokenIn()
    agent = request.headers.get("user-agent")
    if wanted.email is not None and wanted.password is not None:
        user = await by_queue(request, _proven(access, wanted, request))
        return PairOut.of(await run_in_threadpool(tokens.create_for, user, wanted.name, agent))
    actor = await current_actor(request)
    return PairOut.of(await run_in_threadpool(tokens.create, actor, wanted.name, agent))


def _proven(access: AccessService, given: TokenIn, request: Request) -> Callable[[], User]:
    second = second_of(given.code, given.passkey, site_of(request))
    password = given.password.get_secret_value() if given.password else ""
    return lambda: access.prove(given.email or "", password, second, action="token.create")


@router.post(
    "/refresh",
    operation_id="token_refresh",
    summary="Exchange a refresh token for a new pair",
    description=(
        "Each refresh token works once. One that was used before ends its whole family, also when two requests send it "
        "at the same moment."
    ),
    responses=answers(429),
    openapi_extra=ANONYMOUS,
)
def refresh(body: RefreshIn, tokens: Tokens) -> PairOut:
    return PairOut.of(tokens.refresh(body.refresh_token.get_secret_value()))


@router.get(
    "",
    operation_id="token_list",
    summary="List token families",
    description="One's own, ended ones included; someone else's with `user_id` and user.read. Never the tokens.",
    responses=answers(403),
)
def list_(
    actor: CurrentActor,
    tokens: Tokens,
    user_id: Annotated[str | None, Query(max_length=40)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[FamilyOut]:
    rows = tokens.list(actor, user_id, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, FamilyOut.of, lambda family: family.id)


@router.delete(
    "/{family_id}",
    operation_id="token_revoke",
    summary="End a token family",
    description="Its access tokens stop counting at once. One's own, or anybody's with token.revoke.",
    responses=answers(403, 404),
)
def revoke(family_id: str, actor: CurrentActor, tokens: Tokens) -> FamilyOut:
    return FamilyOut.of(tokens.revoke(actor, family_id))


@router.post(
    "/keys/rotate",
    operation_id="token_rotate_keys",
    summary="Sign access tokens with a new key",
    description="The earlier key stays in the JWKS until its tokens have expired, unless `at_once`.",
    responses=answers(403),
)
def rotate_keys(actor: CurrentActor, tokens: Tokens, body: RotateIn | None = None) -> SigningKeysOut:
    found = tokens.rotate_keys(actor, at_once=bool(body and body.at_once))
    return SigningKeysOut(keys=[SigningKeyOut.of(key) for key in found])


@well_known.get(
    "/.well-known/jwks.json",
    operation_id="token_keys_read",
    summary="The public keys of access tokens",
    description="RFC 7517. Holds the key that signs next too, so that a rotation surprises nobody's cache.",
    responses=answers(),
    openapi_extra=ANONYMOUS,
)
def jwks(response: Response, tokens: Tokens) -> JwksOut:
    response.headers["cache-control"] = f"public, max-age={JWKS_SECONDS}"
    return JwksOut(keys=[key.public_jwk for key in tokens.published()])
