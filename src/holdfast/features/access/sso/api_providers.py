"""/api/v1/sso/providers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from pydantic import BaseModel, Field, SecretStr, field_validator

from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.access.sso.flow import redirect_uri
from holdfast.features.access.sso.model import Provider, Rule
from holdfast.features.access.sso.providers import Finding, ProvidersService, WantedProvider
from holdfast.web.errors import answers
from holdfast.web.etag import IfMatch, set_etag
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.wire import In

router = Routes(prefix="/sso/providers", tags=["single sign-on"])
Providers = Annotated[ProvidersService, Depends(part(ProvidersService))]
Name = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["Example"])]
ClientId = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[\x21-\x7e]+$")]
Scope = Annotated[str, Field(max_length=100, pattern=r"^[\x21\x23-\x5b\x5d-\x7e]+$")]
Scopes = Annotated[list[Scope], Field(min_length=1, max_length=20)]
Domain = Annotated[str, Field(max_length=253, pattern=r"^[A-Za-z0-9.-]+$")]
Domains = Annotated[list[Domain], Field(max_length=100, description="Empty = every domain.")]
Claim = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[\x21-\x7e]+$", examples=["groups"])]
Id = Annotated[str, Field(max_length=40)]


class RuleIn(In):
    """Who is in `group` gets `role`: in the installation, in a project, or in one of its environments."""

    group: str = Field(min_length=1, max_length=300, examples=["developers"])
    role: str = Field(min_length=1, max_length=40, examples=["developer"])
    project_id: Id | None = None
    environment_id: Id | None = None


Rules = Annotated[list[RuleIn], Field(max_length=500)]


class ProviderIn(In):
    """An OpenID provider. `issuer` is its own name, to the character, and cannot be changed later."""

    name: Name
    issuer: str = Field(
        max_length=500, pattern=r"^https?://[\x21\x24-\x3e\x40-\x7e]+$", examples=["https://id.example.org"]
    )
    client_id: ClientId
    client_secret: SecretStr | None = Field(default=None, max_length=1000, description="null = a public client.")
    scopes: Scopes = Field(default=["openid", "email", "profile"])
    allowed_domains: Domains = Field(default=[])
    group_claim: Claim = "groups"
    mapping: Rules = Field(default=[])
    create_accounts: bool = Field(default=False, description="Make an account for whoever comes from there.")
    enabled: bool = True
    trust_factors: bool = Field(default=False, description="Who comes from there needs no second factor here.")
    allow_private: bool = Field(default=False, description="Its address may be private; needs system.admin.")

    @field_validator("scopes")
    @classmethod
    def _openid(cls, scopes: list[str]) -> list[str]:
        if "openid" not in scopes:
            raise ValueError("scopes hold openid")
        return scopes


class ProviderChange(In):
    """What is left out stays."""

    name: Name | None = None
    client_id: ClientId | None = None
    client_secret: SecretStr | None = Field(default=None, max_length=1000, description='"" takes it away.')
    scopes: Scopes | None = None
    allowed_domains: Domains | None = None
    group_claim: Claim | None = None
    mapping: Rules | None = None
    create_accounts: bool | None = None
    enabled: bool | None = None
    trust_factors: bool | None = None
    allow_private: bool | None = None

    _openid = field_validator("scopes")(lambda scopes: scopes if scopes is None else ProviderIn._openid(scopes))


class RuleOut(BaseModel):
    group: str
    role: str
    project_id: str | None
    environment_id: str | None


class ProviderOut(BaseModel):
    """A provider; its client secret is never shown. Register `redirect_uri` with it."""

    id: str
    name: str
    issuer: str
    client_id: str
    has_secret: bool
    scopes: list[str]
    allowed_domains: list[str]
    group_claim: str
    mapping: list[RuleOut]
    create_accounts: bool
    enabled: bool
    trust_factors: bool
    allow_private: bool
    redirect_uri: str
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, provider: Provider, origin: str) -> ProviderOut:
        rules = [{name: value for name, value in vars(rule).items() if name != "role_id"} for rule in provider.mapping]
        values: dict[str, Any] = {**vars(provider), "mapping": rules, "redirect_uri": redirect_uri(origin, provider.id)}
        return cls(**values)


class FindingOut(BaseModel):
    what: str
    ok: bool
    said: str

    @classmethod
    def of(cls, found: Finding) -> FindingOut:
        return cls(**vars(found))


class TestOut(BaseModel):
    """`ok`: people can sign in there, as far as it can be seen without one."""

    ok: bool
    findings: list[FindingOut]


def origin_of(request: Request) -> str:
    """As the browser sees us: the Host was checked against those that are served."""
    return f"{request.url.scheme}://{request.url.netloc}"


@router.post(
    "",
    operation_id="sso_provider_create",
    summary="Add an identity provider",
    description="Its groups become no more than whoever adds it may do. Needs the password again.",
    responses=answers(403, 404, 409),
    status_code=201,
)
def create(
    body: ProviderIn,
    actor: CurrentActor,
    providers: Providers,
    request: Request,
    response: Response,
    once: IdempotencyKey,
) -> ProviderOut:
    origin = origin_of(request)

    def kept(made: Provider) -> dict[str, Any]:
        return ProviderOut.of(made, origin).model_dump(mode="json")

    made = providers.create(actor, WantedProvider(**_values(body)), once.answering(kept))
    set_etag(response, made.version)
    return ProviderOut.of(made, origin)


@router.get(
    "",
    operation_id="sso_provider_list",
    summary="List identity providers",
    description="In order of creation.",
    responses=answers(403),
)
def list_(
    actor: CurrentActor, providers: Providers, request: Request, limit: Limit = 50, cursor: Cursor = None
) -> Page[ProviderOut]:
    rows = providers.list(actor, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, lambda row: ProviderOut.of(row, origin_of(request)), lambda row: row.id)


@router.get(
    "/{provider_id}",
    operation_id="sso_provider_read",
    summary="Show an identity provider",
    description="With the redirect URI to register there.",
    responses=answers(403, 404),
)
def read(
    provider_id: str, actor: CurrentActor, providers: Providers, request: Request, response: Response
) -> ProviderOut:
    found = providers.get(actor, provider_id)
    set_etag(response, found.version)
    return ProviderOut.of(found, origin_of(request))


@router.patch(
    "/{provider_id}",
    operation_id="sso_provider_update",
    summary="Change an identity provider",
    description="Roles that a changed mapping no longer gives are taken at once. Needs the password again.",
    responses=answers(403, 404, 409, 412, 428),
)
def update(
    provider_id: str,
    body: ProviderChange,
    actor: CurrentActor,
    providers: Providers,
    request: Request,
    response: Response,
    version: IfMatch,
) -> ProviderOut:
    changed = providers.update(actor, provider_id, version, _values(body))
    set_etag(response, changed.version)
    return ProviderOut.of(changed, origin_of(request))


@router.delete(
    "/{provider_id}",
    operation_id="sso_provider_delete",
    summary="Remove an identity provider",
    description="Its identities and the roles its groups gave go with it; accounts stay. Needs the password again.",
    responses=answers(403, 404),
    status_code=204,
)
def delete(provider_id: str, actor: CurrentActor, providers: Providers) -> None:
    providers.delete(actor, provider_id)


@router.post(
    "/{provider_id}/test",
    operation_id="sso_provider_test",
    summary="Test an identity provider",
    description="Fetches its description and keys now, and says what is wrong.",
    responses=answers(403, 404),
)
def test(provider_id: str, actor: CurrentActor, providers: Providers) -> TestOut:
    found = providers.test(actor, provider_id)
    return TestOut(ok=all(each.ok for each in found), findings=[FindingOut.of(each) for each in found])


def _values(body: ProviderIn | ProviderChange) -> dict[str, Any]:
    """As the service takes it: tuples, rules, the secret's text. What was not said is left out."""
    made: dict[str, Any] = {}
    for name in body.model_fields_set if isinstance(body, ProviderChange) else type(body).model_fields:
        value = getattr(body, name)
        if value is None and isinstance(body, ProviderChange):
            continue
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        elif name == "mapping":
            value = tuple(Rule(**rule.model_dump()) for rule in value)
        elif name == "allowed_domains":
            value = tuple(domain.lower() for domain in value)
        elif isinstance(value, list):
            value = tuple(value)
        made[name] = value
    return made
