"""/api/v1/keys."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import AwareDatetime, BaseModel, Field

from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.access.keys import LONGEST_OVERLAP, OVERLAP, KeyService, WantedKey
from holdfast.features.access.model import ApiKey
from holdfast.web.errors import answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.wire import In

router = Routes(prefix="/keys", tags=["keys"])
Keys = Annotated[KeyService, Depends(part(KeyService))]


class KeyIn(In):
    """A key to make: `role` or `permissions`; with neither it may do what its maker may."""

    name: str = Field(min_length=1, max_length=63, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["ci"])
    role: str | None = Field(default=None, max_length=40, examples=["viewer"])
    permissions: list[str] | None = Field(default=None, max_length=200, examples=[["snapshot.create", "run.read"]])
    projects: list[str] | None = Field(default=None, max_length=200, description="Only in these, wholly.")
    environments: list[str] | None = Field(default=None, max_length=200, description="Only in these environments.")
    resources: list[str] | None = Field(
        default=None, max_length=200, description="Only on these. With no place named: wherever the maker may."
    )
    expires_at: AwareDatetime | None = None


class RotateIn(In):
    """How long the secret before this one still works."""

    overlap_seconds: int = Field(
        default=int(OVERLAP.total_seconds()),
        ge=0,
        le=int(LONGEST_OVERLAP.total_seconds()),
        description="0 = the old secret ends at once.",
    )


class SecretOut(BaseModel):
    """One of a key's secrets, by what it starts with."""

    prefix: str
    created_at: datetime
    valid_until: datetime | None = Field(description="null = the newest: it works as long as the key.")
    last_used_at: datetime | None


class KeyOut(BaseModel):
    """A key's record; the key itself only in the answer that made it."""

    id: str
    name: str
    prefix: str
    role: str | None
    permissions: list[str]
    projects: list[str] | None = Field(description="Whole projects it is limited to; null = it is not limited.")
    environments: list[str] = Field(description="Environments it is let into beside the whole projects.")
    resources: list[str]
    owner_id: str | None = Field(description="Whose rights it never exceeds; null = nobody's: made on the server.")
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    secrets: list[SecretOut] = Field(description="The newest first; earlier ones after a rotation.")

    @classmethod
    def of(cls, key: ApiKey) -> KeyOut:
        return cls(**_wire(key))


class NewKeyOut(KeyOut):
    key: str | None = Field(description="`hf_…`, shown this once. null when an Idempotency-Key repeats the request.")


def _wire(key: ApiKey) -> dict[str, Any]:
    places = key.places or ()
    return {
        **{name: getattr(key, name) for name in KeyOut.model_fields if hasattr(key, name)},
        "permissions": sorted(key.permissions),
        "projects": None if key.projects is None else sorted(key.projects),
        "environments": [at.environment_id for at in places if at.environment_id and not at.resource_id],
        "resources": [at.resource_id for at in places if at.resource_id],
        "secrets": [SecretOut(**vars(each)) for each in key.secrets],
    }


def _kept(key: ApiKey) -> dict[str, Any]:
    return NewKeyOut(**_wire(key), key=None).model_dump(mode="json")


@router.post(
    "",
    operation_id="key_create",
    summary="Make an API key",
    description="Nobody makes a key that may do more than they may. Browser sessions need the password again first.",
    responses=answers(403, 404, 409),
    status_code=201,
)
def create(body: KeyIn, actor: CurrentActor, keys: Keys, once: IdempotencyKey) -> NewKeyOut:
    made, text = keys.create(actor, WantedKey(**body.model_dump()), once.answering(_kept))
    return NewKeyOut(**_wire(made), key=text)


@router.get(
    "",
    operation_id="key_list",
    summary="List API keys",
    description="In order of creation, revoked ones included.",
    responses=answers(403),
)
def list_(actor: CurrentActor, keys: Keys, limit: Limit = 50, cursor: Cursor = None) -> Page[KeyOut]:
    rows = keys.list(actor, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, KeyOut.of, lambda key: key.id)


@router.get(
    "/{key_id}",
    operation_id="key_read",
    summary="Show an API key",
    description="Its record with its last use.",
    responses=answers(403, 404),
)
def read(key_id: str, actor: CurrentActor, keys: Keys) -> KeyOut:
    return KeyOut.of(keys.get(actor, key_id))


@router.post(
    "/{key_id}/rotate",
    operation_id="key_rotate",
    summary="Give an API key a new secret",
    description="The same key, the same rights; the secret before it works until the overlap has passed.",
    responses=answers(403, 404, 409),
    status_code=201,
)
def rotate(body: RotateIn, key_id: str, actor: CurrentActor, keys: Keys, once: IdempotencyKey) -> NewKeyOut:
    overlap = timedelta(seconds=body.overlap_seconds)
    changed, text = keys.rotate(actor, key_id, overlap, once.answering(_kept))
    return NewKeyOut(**_wire(changed), key=text)


@router.delete(
    "/{key_id}",
    operation_id="key_revoke",
    summary="Revoke an API key",
    description="At once, with every secret it has. The record stays, with the moment.",
    responses=answers(403, 404),
)
def revoke(
    key_id: str,
    actor: CurrentActor,
    keys: Keys,
    made: Annotated[bool, Query(description="With the keys that were made with it, and with those.")] = False,
) -> KeyOut:
    return KeyOut.of(keys.revoke(actor, key_id, made=made))
