"""/api/v1/databases/{database_id}/saved-queries, /api/v1/saved-queries and templates."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from holdfast.contract.rows import TableName
from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.databases.api_query import NDJSON, answer_of
from holdfast.features.databases.wire import LimitsIn, QueryOut
from holdfast.features.saved.model import SavedQuery, Version
from holdfast.features.saved.service import SavedService, WantedQuery
from holdfast.web.errors import answers
from holdfast.web.etag import IfMatch, set_etag
from holdfast.web.paging import Cursor, Limit, Page, after_id, decode_cursor, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["saved queries"])
Service = Annotated[SavedService, Depends(part(SavedService))]
Name = Annotated[str, Field(min_length=1, max_length=63, examples=["unpaid orders"])]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ParameterIn(_In):
    """`:name` in the statement. One without a default is required."""

    name: str = Field(max_length=63)
    type: Literal["text", "integer", "number", "boolean", "bytes", "json", "any"] = "any"
    required: bool | None = None
    default: Any = None
    description: str = Field(default="", max_length=500)


class SavedQueryIn(_In):
    """One statement with named parameters. A private one is seen by nobody else."""

    name: Name
    statement: str = Field(max_length=1 << 20)
    description: str = Field(default="", max_length=2000)
    write: bool = Field(default=False, description="Without it the engine itself refuses changes.")
    parameters: list[ParameterIn] = Field(default_factory=list, max_length=100)
    shared: bool = True


class SavedQueryPatch(_In):
    """Only what is given changes."""

    name: Name | None = None
    statement: str | None = Field(default=None, max_length=1 << 20)
    description: str | None = Field(default=None, max_length=2000)
    write: bool | None = None
    parameters: list[ParameterIn] | None = Field(default=None, max_length=100)
    shared: bool | None = None


class SavedQueryRunIn(_In):
    params: dict[str, Any] = Field(default_factory=dict)
    limits: LimitsIn = Field(default_factory=LimitsIn)


class ParameterOut(BaseModel):
    name: str
    type: str
    required: bool
    default: Any
    description: str


class SavedQueryOut(BaseModel):
    """A saved query."""

    id: str
    project_id: str
    environment_id: str
    resource_id: str
    name: str
    description: str
    statement: str
    write: bool
    parameters: list[ParameterOut]
    shared: bool
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, query: SavedQuery) -> SavedQueryOut:
        return cls(**vars(query), shared=not query.owner)


class SavedQueryVersionOut(BaseModel):
    """A saved query as it was from `at` on, and who made it so."""

    version: int
    at: datetime
    actor: str
    name: str
    description: str
    statement: str
    write: bool
    parameters: list[ParameterOut]

    @classmethod
    def of(cls, each: Version) -> SavedQueryVersionOut:
        content = {name: value for name, value in each.content.items() if name != "owner"}
        return cls(version=each.version, at=each.at, actor=each.actor, **content)


class TemplateOut(BaseModel):
    title: str
    statement: str


def _parameters(given: list[ParameterIn]) -> list[dict[str, Any]]:
    return [
        {k: v for k, v in each.model_dump(exclude_unset=True).items() if k != "required" or v is not None}
        for each in given
    ]


@router.post(
    "/databases/{database_id}/saved-queries",
    operation_id="saved_query_create",
    status_code=201,
    responses=answers(403, 404, 409),
)
def create_query(
    body: SavedQueryIn,
    actor: CurrentActor,
    service: Service,
    database_id: str,
    once: IdempotencyKey,
    response: Response,
) -> SavedQueryOut:
    """Save a query of this database."""
    wanted = WantedQuery(**body.model_dump(exclude={"parameters"}), parameters=_parameters(body.parameters))

    def wire(query: SavedQuery) -> dict[str, Any]:
        return SavedQueryOut.of(query).model_dump(mode="json")

    made = service.create(actor, database_id, wanted, once.answering(wire))
    set_etag(response, made.version)
    return SavedQueryOut.of(made)


@router.get("/databases/{database_id}/saved-queries", operation_id="saved_query_list", responses=answers(403, 404))
def list_queries(
    actor: CurrentActor,
    service: Service,
    database_id: str,
    *,
    name: Annotated[str | None, Query(max_length=63)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[SavedQueryOut]:
    """Those that are shared and one's own."""
    rows = service.list(actor, database_id, name=name, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, SavedQueryOut.of, lambda query: query.id)


@router.get("/saved-queries/{saved_query_id}", operation_id="saved_query_get", responses=answers(403, 404))
def get_query(actor: CurrentActor, service: Service, saved_query_id: str, response: Response) -> SavedQueryOut:
    """One saved query."""
    query = service.get(actor, saved_query_id)
    set_etag(response, query.version)
    return SavedQueryOut.of(query)


@router.get(
    "/saved-queries/{saved_query_id}/versions", operation_id="saved_query_versions", responses=answers(403, 404)
)
def list_versions(
    actor: CurrentActor, service: Service, saved_query_id: str, limit: Limit = 50, cursor: Cursor = None
) -> Page[SavedQueryVersionOut]:
    """What it was before, newest first."""
    key = decode_cursor(cursor, int)
    before = None if key is None else int(key[0])
    rows = service.versions(actor, saved_query_id, before=before, limit=limit + 1)
    return page(rows, limit, SavedQueryVersionOut.of, lambda each: (each.version,))


@router.patch("/saved-queries/{saved_query_id}", operation_id="saved_query_update", responses=answers(403, 404, 412))
def update_query(
    body: SavedQueryPatch,
    actor: CurrentActor,
    service: Service,
    saved_query_id: str,
    version: IfMatch,
    response: Response,
) -> SavedQueryOut:
    """Change it; what it was stays in its versions."""
    changes = body.model_dump(exclude_unset=True)
    if body.parameters is not None:
        changes["parameters"] = _parameters(body.parameters)
    changed = service.update(actor, saved_query_id, version, changes)
    set_etag(response, changed.version)
    return SavedQueryOut.of(changed)


@router.delete(
    "/saved-queries/{saved_query_id}",
    operation_id="saved_query_delete",
    status_code=204,
    responses=answers(403, 404, 412),
)
def delete_query(actor: CurrentActor, service: Service, saved_query_id: str, version: IfMatch) -> None:
    """Delete it with its versions."""
    service.delete(actor, saved_query_id, version)


@router.post(
    "/saved-queries/{saved_query_id}/run",
    operation_id="saved_query_run",
    response_model=QueryOut,
    responses={
        200: {"content": {NDJSON: {"schema": {"type": "string"}}}, "description": "Rows; NDJSON by `Accept`."},
        **answers(403, 404, 409, 413),
    },
)
async def run_query(
    body: SavedQueryRunIn, request: Request, actor: CurrentActor, service: Service, saved_query_id: str
) -> Response:
    """Run it with these parameters."""
    started = time.monotonic()
    batches = service.run(actor, saved_query_id, body.params, body.limits.model_dump())
    return await answer_of(request, batches, started)


@router.get("/databases/{database_id}/templates", operation_id="template_list", responses=answers(403, 404))
def list_templates(
    actor: CurrentActor,
    service: Service,
    database_id: str,
    table: Annotated[str | None, Query(max_length=256, description="Fill in this table.")] = None,
    schema: Annotated[str | None, Query(max_length=256)] = None,
) -> list[TemplateOut]:
    """Ready statements of the engine, for a chosen table with its name quoted."""
    chosen = None if table is None else TableName(table, schema)
    return [TemplateOut(title=t, statement=s) for t, s in service.templates(actor, database_id, chosen)]
