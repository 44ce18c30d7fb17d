"""/api/v1/kv-namespaces. Names of keys are in no path: paths end in logs."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.kv.entries import EntriesService, Wish
from holdfast.features.kv.model import Namespace
from holdfast.features.kv.service import NamespacesService
from holdfast.jobs import Run
from holdfast.kernel.errors import Invalid, NotFound
from holdfast.web.errors import answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.wire import Confirm, In

router = Routes(tags=["key-value"])
Namespaces = Annotated[NamespacesService, Depends(part(NamespacesService))]
Entries = Annotated[EntriesService, Depends(part(EntriesService))]
_MOST = 1 << 53
Key = Annotated[str, Field(min_length=1, max_length=512)]


class NamespaceIn(In):
    environment_id: str = Field(max_length=40)
    name: str = Field(min_length=1, max_length=56, examples=["sessions"])


class NamespaceOut(BaseModel):
    """A namespace. `database_id` is the SQLite database that holds its entries: its snapshots are the namespace's."""

    id: str
    project_id: str
    environment_id: str
    database_id: str
    name: str
    max_keys: int | None = Field(description="The most keys it may hold; null for no limit.")
    max_bytes: int | None = Field(description="The most bytes of keys, values and metadata; null for no limit.")
    state: str
    run_id: str | None = Field(description="The run at work on its database, or the last one.")
    created_by: str
    created_at: datetime

    @classmethod
    def of(cls, namespace: Namespace) -> NamespaceOut:
        return cls(**vars(namespace), database_id=namespace.resource_id)


class NamespaceLimitsIn(In):
    """Those that are given are set; null takes a limit away."""

    max_keys: Annotated[int, Field(ge=0, le=_MOST)] | None = None
    max_bytes: Annotated[int, Field(ge=0, le=_MOST)] | None = None


class KvUsageOut(BaseModel):
    """`bytes` of keys, values and metadata. An expired key counts until it is swept, within half a minute."""

    keys: int
    bytes: int
    max_keys: int | None
    max_bytes: int | None


class KvKeyOut(BaseModel):
    """`expiration` in seconds since 1970; `size` of the value in bytes."""

    name: str
    expiration: int | None
    metadata: Any
    size: int


class KeyReadIn(In):
    key: Key


class KvValueOut(BaseModel):
    """`value` is text, or base64 when `encoded`."""

    key: str
    value: str
    encoded: bool
    metadata: Any
    expiration: int | None


class ValueIn(In):
    """Text, or base64 with `encoded`."""

    key: Key
    value: str = Field(max_length=9 << 20)
    encoded: bool = False
    metadata: Any = None
    expiration: int | None = Field(default=None, description="Seconds since 1970.")
    expiration_ttl: int | None = Field(default=None, description="Seconds from now, at least 60.")

    def wish(self) -> Wish:
        return Wish(self.key, self._content(), self.metadata, self.expiration, self.expiration_ttl)

    def _content(self) -> str | bytes:
        if not self.encoded:
            return self.value
        try:
            return base64.b64decode(self.value, validate=True)
        except (binascii.Error, ValueError):
            raise Invalid("value is not base64", code="value_invalid") from None


class ValuesIn(In):
    entries: list[ValueIn] = Field(min_length=1, max_length=1000)


class KeysIn(In):
    keys: list[Key] = Field(min_length=1, max_length=1000)


def _wire(made: tuple[Namespace, Run]) -> dict[str, Any]:
    return NamespaceOut.of(made[0]).model_dump(mode="json")


def _json(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _text(value: str | bytes) -> tuple[str, bool]:
    """As text where it is some, else as base64."""
    if isinstance(value, str):
        return value, False
    try:
        return value.decode(), False
    except UnicodeDecodeError:
        return base64.b64encode(value).decode(), True


@router.post("/kv-namespaces", operation_id="kv_namespace_create", status_code=202, responses=answers(403, 404, 409))
def create(body: NamespaceIn, actor: CurrentActor, namespaces: Namespaces, once: IdempotencyKey) -> NamespaceOut:
    """Make a namespace; it is ready when `run_id` has ended."""
    made = namespaces.create(actor, body.environment_id, body.name, once.answering(_wire, 202))
    return NamespaceOut.of(made[0])


@router.get("/kv-namespaces", operation_id="kv_namespace_list", responses=answers(403, 404))
def list_(
    actor: CurrentActor,
    namespaces: Namespaces,
    *,
    project_id: Annotated[str | None, Query(max_length=40)] = None,
    environment_id: Annotated[str | None, Query(max_length=40)] = None,
    name: Annotated[str | None, Query(max_length=63)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[NamespaceOut]:
    """The namespaces one sees."""
    filters = {"project_id": project_id, "environment_id": environment_id, "name": name}
    rows = namespaces.list(actor, after=after_id(cursor), limit=limit + 1, **filters)
    return page(rows, limit, NamespaceOut.of, lambda each: each.id)


@router.get("/kv-namespaces/{kv_namespace_id}", operation_id="kv_namespace_get", responses=answers(403, 404))
def get(actor: CurrentActor, namespaces: Namespaces, kv_namespace_id: str) -> NamespaceOut:
    """One namespace."""
    return NamespaceOut.of(namespaces.get(actor, kv_namespace_id))


@router.patch("/kv-namespaces/{kv_namespace_id}", operation_id="kv_namespace_update", responses=answers(403, 404))
def update(body: NamespaceLimitsIn, actor: CurrentActor, namespaces: Namespaces, kv_namespace_id: str) -> NamespaceOut:
    """Limit what it may hold. Workers meet a new limit within five seconds."""
    return NamespaceOut.of(namespaces.limit(actor, kv_namespace_id, body.model_dump(exclude_unset=True)))


@router.get(
    "/kv-namespaces/{kv_namespace_id}/usage", operation_id="kv_namespace_usage", responses=answers(403, 404, 409)
)
def usage(actor: CurrentActor, entries: Entries, kv_namespace_id: str) -> KvUsageOut:
    """What it holds, beside its limits."""
    namespace, used = entries.usage(actor, kv_namespace_id)
    return KvUsageOut(keys=used.keys, bytes=used.bytes, max_keys=namespace.max_keys, max_bytes=namespace.max_bytes)


@router.delete(
    "/kv-namespaces/{kv_namespace_id}",
    operation_id="kv_namespace_delete",
    status_code=202,
    responses=answers(403, 404, 409),
)
def delete(body: Confirm, actor: CurrentActor, namespaces: Namespaces, kv_namespace_id: str) -> NamespaceOut:
    """Delete it with its database; undeleting the database within its grace period brings both back."""
    return NamespaceOut.of(namespaces.delete(actor, kv_namespace_id, body.confirm)[0])


@router.get("/kv-namespaces/{kv_namespace_id}/keys", operation_id="kv_key_list", responses=answers(403, 404, 409))
def list_keys(
    actor: CurrentActor,
    entries: Entries,
    kv_namespace_id: str,
    prefix: Annotated[str, Query(max_length=512)] = "",
    limit: Limit = 50,
    cursor: Annotated[str | None, Query(max_length=1024)] = None,
) -> Page[KvKeyOut]:
    """Keys in the order of their bytes."""
    found = entries.keys(actor, kv_namespace_id, prefix=prefix, cursor=cursor, limit=limit)
    items = [
        KvKeyOut(name=each.name, expiration=each.expiration, metadata=_json(each.metadata), size=each.size)
        for each in found.keys
    ]
    return Page(items=items, next_cursor=found.cursor)


@router.post(
    "/kv-namespaces/{kv_namespace_id}/values/read", operation_id="kv_value_read", responses=answers(403, 404, 409)
)
def read_value(body: KeyReadIn, actor: CurrentActor, entries: Entries, kv_namespace_id: str) -> KvValueOut:
    """The value under a key."""
    entry = entries.get(actor, kv_namespace_id, body.key)
    if entry is None:
        raise NotFound("there is nothing under this key", code="kv_key_not_found")
    text, encoded = _text(entry.value)
    return KvValueOut(
        key=body.key, value=text, encoded=encoded, metadata=_json(entry.metadata), expiration=entry.expiration
    )


@router.put(
    "/kv-namespaces/{kv_namespace_id}/values",
    operation_id="kv_value_put",
    status_code=204,
    responses=answers(403, 404, 409, 413),
)
def put_value(body: ValueIn, actor: CurrentActor, entries: Entries, kv_namespace_id: str) -> None:
    """Put one value; it is on disk when this answers."""
    entries.put(actor, kv_namespace_id, [body.wish()])


@router.put(
    "/kv-namespaces/{kv_namespace_id}/values/bulk",
    operation_id="kv_value_put_many",
    status_code=204,
    responses=answers(403, 404, 409, 413),
)
def put_values(body: ValuesIn, actor: CurrentActor, entries: Entries, kv_namespace_id: str) -> None:
    """Put up to 1000 values, all or none."""
    entries.put(actor, kv_namespace_id, [each.wish() for each in body.entries])


@router.post(
    "/kv-namespaces/{kv_namespace_id}/values/delete",
    operation_id="kv_value_delete",
    status_code=204,
    responses=answers(403, 404, 409, 413),
)
def delete_values(body: KeysIn, actor: CurrentActor, entries: Entries, kv_namespace_id: str) -> None:
    """Delete up to 1000 keys, all or none; what is not there is no error."""
    entries.delete(actor, kv_namespace_id, body.keys)
