"""/api/v1/environments/{environment_id}/secrets: names in listings, values by reveal only."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query, Response
from fastapi import Path as InPath
from pydantic import BaseModel, Field, SecretStr

from holdfast.features.access.http import CurrentActor
from holdfast.features.secrets.model import Secret, Version
from holdfast.features.secrets.service import SecretsService
from holdfast.web.errors import answers
from holdfast.web.etag import OptionalIfMatch, set_etag
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.wire import Confirm, In

router = Routes(tags=["secrets"])
Service = Annotated[SecretsService, Depends(part(SecretsService))]
Name = Annotated[str, InPath(min_length=1, max_length=128, pattern=r"^[A-Za-z_][A-Za-z0-9_.\-]*$")]
MAX_VALUE = 64 * 1024
_BASE = "/environments/{environment_id}/secrets"


class SecretIn(In):
    """A value, and for a new secret the one resource it is for."""

    value: SecretStr = Field(max_length=MAX_VALUE, description="At most 64 KiB.")
    resource_id: str | None = Field(default=None, max_length=40, description="Only when the secret is new.")


class RevealIn(In):
    version: int | None = Field(default=None, ge=1, description="null = the newest.")


class RestoreIn(In):
    version: int = Field(ge=1, description="One of those the versions list.")


class SecretDeleteIn(Confirm):
    destroy: bool = Field(default=False, description="At once and for good, instead of after the grace period.")


class SecretOut(BaseModel):
    """That there is a secret. Its value is not here."""

    id: str
    environment_id: str
    project_id: str
    resource_id: str | None
    name: str
    version: int = Field(description="The newest.")
    created_by: str
    created_at: datetime
    updated_by: str
    updated_at: datetime
    deleted_at: datetime | None

    @classmethod
    def of(cls, secret: Secret) -> SecretOut:
        return cls(**vars(secret))


class VersionOut(BaseModel):
    version: int
    created_by: str
    created_at: datetime
    restored_from: int | None

    @classmethod
    def of(cls, version: Version) -> VersionOut:
        return cls(**vars(version))


class VersionsOut(BaseModel):
    """Newest first, at most ten."""

    items: list[VersionOut]


class RevealedOut(BaseModel):
    name: str
    version: int
    value: str


class DataKeyRotatedOut(BaseModel):
    """`version` of the data key that seals now."""

    version: int
    resealed: int
    destroyed: int


@router.get(_BASE, operation_id="secret_list", summary="List secrets", responses=answers(403, 404))
def list_secrets(
    environment_id: str,
    actor: CurrentActor,
    service: Service,
    limit: Limit = 50,
    cursor: Cursor = None,
    deleted: Annotated[bool, Query(description="Those that can still be restored, instead.")] = False,
) -> Page[SecretOut]:
    """Names and versions, by name; never values."""
    rows = service.list(actor, environment_id, deleted=deleted, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, SecretOut.of, lambda secret: secret.name)


@router.post(
    _BASE + "/rotate",
    operation_id="secret_rotate",
    summary="Rotate the environment's data key",
    responses=answers(403, 404, 503),
)
def rotate(environment_id: str, actor: CurrentActor, service: Service) -> DataKeyRotatedOut:
    """Everything of the environment is sealed with a new key while it stays in use, and the old key is destroyed.

    Answers when it is done. Cut off, it goes on at the next start or the next call.
    """
    return DataKeyRotatedOut(**vars(service.rotate(actor, environment_id)))


@router.get(_BASE + "/{name}", operation_id="secret_read", summary="See a secret", responses=answers(403, 404))
def read(environment_id: str, name: Name, actor: CurrentActor, service: Service, response: Response) -> SecretOut:
    """Who stored it and when. Its newest version is the ETag."""
    found = service.get(actor, environment_id, name)
    set_etag(response, found.version)
    return SecretOut.of(found)


@router.put(
    _BASE + "/{name}",
    operation_id="secret_put",
    summary="Store a secret",
    responses={**answers(403, 404, 409, 412), 201: {"model": SecretOut, "description": "A new secret."}},
)
def put(
    environment_id: str,
    name: Name,
    body: SecretIn,
    actor: CurrentActor,
    service: Service,
    response: Response,
    expected: OptionalIfMatch,
) -> SecretOut:
    """The value becomes the newest version; the ten newest are kept. With If-Match only when that is the newest."""
    made = service.put(
        actor,
        environment_id,
        name,
        body.value.get_secret_value(),
        resource_id=body.resource_id,
        expected=expected,
    )
    response.status_code = 201 if made.version == 1 else 200
    set_etag(response, made.version)
    return SecretOut.of(made)


@router.delete(
    _BASE + "/{name}",
    operation_id="secret_delete",
    summary="Delete a secret",
    responses=answers(403, 404),
    status_code=204,
)
def delete(environment_id: str, name: Name, body: SecretDeleteIn, actor: CurrentActor, service: Service) -> None:
    """During the grace period a version can be restored. `confirm` is the name."""
    service.delete(actor, environment_id, name, body.confirm, destroy=body.destroy)


@router.get(
    _BASE + "/{name}/versions",
    operation_id="secret_versions",
    summary="A secret's versions",
    responses=answers(403, 404),
)
def versions(environment_id: str, name: Name, actor: CurrentActor, service: Service) -> VersionsOut:
    """Number, when, by whom; newest first."""
    return VersionsOut(items=[VersionOut.of(each) for each in service.versions(actor, environment_id, name)])


@router.post(
    _BASE + "/{name}/reveal",
    operation_id="secret_reveal",
    summary="See a secret's value",
    responses=answers(403, 404),
)
def reveal(
    environment_id: str, name: Name, actor: CurrentActor, service: Service, body: RevealIn | None = None
) -> RevealedOut:
    """Needs the password typed lately, and is recorded."""
    found = service.reveal(actor, environment_id, name, body.version if body else None)
    return RevealedOut(name=name, version=found.version, value=found.value)


@router.post(
    _BASE + "/{name}/restore",
    operation_id="secret_restore",
    summary="Restore an older version",
    responses=answers(403, 404, 412),
)
def restore(
    environment_id: str, name: Name, body: RestoreIn, actor: CurrentActor, service: Service, response: Response
) -> SecretOut:
    """Its value becomes the newest version. Brings a deleted secret back."""
    made = service.restore(actor, environment_id, name, body.version)
    set_etag(response, made.version)
    return SecretOut.of(made)
