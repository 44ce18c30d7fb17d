"""/api/v1/databases/{database_id}/keys. Names of keys are never in a URL: URLs end in logs."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header, Query, Response

from holdfast.contract.keyspace import Edit
from holdfast.features.access.actor import Actor
from holdfast.features.access.http import CurrentActor
from holdfast.features.values.service import ValuesService
from holdfast.features.values.wire import (
    KeyDeleteIn,
    KeyIn,
    KeyOut,
    KeyPatchIn,
    KeyPutIn,
    KeyReadIn,
    Type,
    ValueOut,
    key_of,
)
from holdfast.web.errors import answers
from holdfast.web.paging import Limit, Page
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["keys"])
Service = Annotated[ValuesService, Depends(part(ValuesService))]


def _digest(
    if_match: Annotated[
        str | None,
        Header(alias="If-Match", max_length=100, description="The `ETag` last read: change no other value."),
    ] = None,
) -> str | None:
    return None if if_match in (None, "*") else if_match.strip().strip('"')


Digest = Annotated[str | None, Depends(_digest)]


@router.get("/databases/{database_id}/keys", operation_id="database_key_list", responses=answers(403, 404, 409))
async def list_keys(
    database_id: str,
    actor: CurrentActor,
    service: Service,
    database: Annotated[int, Query(ge=0, description="Number of the database inside the server.")] = 0,
    pattern: Annotated[str, Query(max_length=1000, description="A glob: * ? [a-c]; a backslash escapes.")] = "*",
    type_: Annotated[Type | None, Query(alias="type")] = None,
    limit: Limit = 50,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
) -> Page[KeyOut]:
    """Keys in no order, about `limit` at once. A page may be short, or empty, while `next_cursor` is there."""
    found = await service.keys(
        actor, database_id, database=database, pattern=pattern, kind=type_, cursor=cursor, limit=limit
    )
    return Page(items=[KeyOut.of(facts) for facts in found.keys], next_cursor=found.cursor)


@router.post(
    "/databases/{database_id}/keys/read", operation_id="database_key_read", responses=answers(403, 404, 409, 413)
)
async def read_key(
    database_id: str, body: KeyReadIn, actor: CurrentActor, service: Service, response: Response
) -> ValueOut:
    """A value with its type, expiry and size; big ones in parts."""
    value = await service.value(
        actor, database_id, database=body.database, key=key_of(body.name), cursor=body.cursor, limit=body.limit
    )
    if value.digest is not None:
        response.headers["etag"] = f'"{value.digest}"'
    return ValueOut.part(value)


@router.put("/databases/{database_id}/keys", operation_id="database_key_put", responses=answers(403, 404, 409, 412))
async def put_key(
    database_id: str, body: KeyPutIn, actor: CurrentActor, service: Service, digest: Digest
) -> KeyOut | None:
    """Write a whole value with its expiry. Null when it has expired already."""
    return await _changed(service, actor, database_id, body, body.edit(), digest)


@router.patch(
    "/databases/{database_id}/keys", operation_id="database_key_update", responses=answers(403, 404, 409, 412)
)
async def change_key(
    database_id: str, body: KeyPatchIn, actor: CurrentActor, service: Service, digest: Digest
) -> KeyOut | None:
    """Change single elements, the expiry or the name. Null when nothing is left: a value of no elements is no key."""
    return await _changed(service, actor, database_id, body, body.edit(), digest)


@router.delete(
    "/databases/{database_id}/keys",
    operation_id="database_key_delete",
    status_code=204,
    responses=answers(403, 404, 409, 412),
)
async def delete_key(
    database_id: str, body: KeyDeleteIn, actor: CurrentActor, service: Service, digest: Digest
) -> None:
    """Delete a key."""
    await _changed(service, actor, database_id, body, body.edit(), digest)


async def _changed(
    service: ValuesService, actor: Actor, database_id: str, body: KeyIn, edit: Edit, digest: str | None
) -> KeyOut | None:
    facts = await service.change(
        actor, database_id, database=body.database, key=key_of(body.name), edit=edit, digest=digest
    )
    return None if facts is None else KeyOut.of(facts)
