"""/api/v1/databases/{database_id}/tables/{table}/rows and /row: rows without SQL."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request, Response
from pydantic import ValidationError

from holdfast.contract.rows import TableName
from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.rows.digest import from_header
from holdfast.features.rows.service import Page, RowsService, unchanged
from holdfast.features.rows.wire import EditedOut, FilterIn, RowOut, RowsIn, RowsOut, SearchIn, UpdateIn, UpsertIn
from holdfast.kernel.errors import Invalid, LimitExceeded
from holdfast.web.errors import answers
from holdfast.web.parts import part
from holdfast.web.presence import until_gone
from holdfast.web.routes import Routes

router = Routes(tags=["rows"])
Service = Annotated[RowsService, Depends(part(RowsService))]
Schema = Annotated[str | None, Query(max_length=256, description="The table's schema, where it is not the usual one.")]
Key = Annotated[
    str, Query(max_length=1 << 16, description='JSON: an object by column, a list, or the value: `{"id":7}`.')
]
Digest = Annotated[str | None, Header(alias="If-Match", description="The row's digest, quoted: only if unchanged.")]
NDJSON = "application/x-ndjson"
BATCH, MAX_LINE = 500, 1 << 20
_PATH = "/databases/{database_id}/tables/{table:path}"


@router.get(f"{_PATH}/rows", operation_id="row_list", responses=answers(403, 404, 409, 413))
async def list_rows(
    request: Request,
    actor: CurrentActor,
    service: Service,
    database_id: str,
    table: str,
    *,
    schema: Schema = None,
    filters: Annotated[
        list[str] | None, Query(alias="filter", description='JSON, repeatable: {"column":"a","op":"eq","value":1}.')
    ] = None,
    order: Annotated[list[str] | None, Query(description="A column, repeatable; `-name` runs downwards.")] = None,
    columns: Annotated[list[str] | None, Query(alias="column", description="Only these, repeatable.")] = None,
    search: Annotated[str | None, Query(max_length=1000)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(max_length=1 << 16)] = None,
    count: bool = False,
) -> RowsOut:
    """A page of rows, by key: as fast on the last page as on the first."""
    wanted = Page(columns or (), [_filter(text) for text in filters or ()], order or (), search, limit, cursor, count)
    found, following = await until_gone(request, service.page(actor, database_id, TableName(table, schema), wanted))
    return RowsOut.of(found, following)


@router.post(f"{_PATH}/rows/search", operation_id="row_search", responses=answers(403, 404, 409, 413))
async def search_rows(
    body: SearchIn,
    request: Request,
    actor: CurrentActor,
    service: Service,
    database_id: str,
    table: str,
    schema: Schema = None,
) -> RowsOut:
    """The same page, asked for in a body."""
    filters = [(each.column, each.op, each.value) for each in body.filters]
    wanted = Page(body.columns, filters, body.order, body.search, body.limit, body.cursor, body.count)
    found, following = await until_gone(request, service.page(actor, database_id, TableName(table, schema), wanted))
    return RowsOut.of(found, following)


@router.post(
    f"{_PATH}/rows",
    operation_id="row_insert",
    status_code=201,
    responses=answers(403, 404, 409, 413),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": RowsIn.model_json_schema()},
                NDJSON: {"schema": {"type": "string", "description": "One row a line."}},
            },
        }
    },
)
async def insert_rows(
    request: Request,
    actor: CurrentActor,
    service: Service,
    database_id: str,
    table: str,
    once: IdempotencyKey,
    schema: Schema = None,
    upsert: Annotated[bool, Query(description="For NDJSON; JSON says it in the body.")] = False,
) -> EditedOut:
    """Insert rows, all or none: JSON, or NDJSON read as it comes. A body holds 10 MiB; larger files are imported.
    Asked again with the same key, the answer counts the rows and shows none."""
    name = TableName(table, schema)
    if NDJSON in request.headers.get("content-type", ""):
        return EditedOut.of(await service.insert(actor, database_id, name, _lines(request), upsert=upsert, once=once))
    body = await _rows_in(request)
    return EditedOut.of(
        await service.insert(actor, database_id, name, _listed(body.rows), upsert=body.upsert, once=once)
    )


@router.get(f"{_PATH}/row", operation_id="row_get", responses=answers(403, 404, 409))
async def get_row(
    actor: CurrentActor,
    service: Service,
    database_id: str,
    table: str,
    key: Key,
    response: Response,
    schema: Schema = None,
) -> RowOut:
    """One row by its key; the ETag is its digest."""
    found = await service.one(actor, database_id, TableName(table, schema), _json(key, "key"))
    row = RowsOut.of(found, None).rows[0]
    response.headers["etag"] = f'"{row.digest}"'
    return row


@router.patch(f"{_PATH}/row", operation_id="row_update", responses=answers(403, 404, 409, 412))
async def update_row(
    body: UpdateIn,
    actor: CurrentActor,
    service: Service,
    database_id: str,
    table: str,
    key: Key,
    response: Response,
    *,
    schema: Schema = None,
    if_match: Digest = None,
) -> RowOut:
    """Change some columns of one row."""
    check = unchanged(from_header(if_match), body.expected)
    name = TableName(table, schema)
    done = await service.update(actor, database_id, name, _json(key, "key"), body.values, check)
    row = EditedOut.of(done).rows[0]
    response.headers["etag"] = f'"{row.digest}"'
    return row


@router.put(f"{_PATH}/row", operation_id="row_upsert", responses=answers(403, 404, 409))
async def upsert_row(
    body: UpsertIn,
    actor: CurrentActor,
    service: Service,
    database_id: str,
    table: str,
    response: Response,
    schema: Schema = None,
) -> RowOut:
    """Insert a row, or change the one of this key; `values` holds the whole key."""
    name = TableName(table, schema)
    done = await service.insert(actor, database_id, name, _listed([body.values]), upsert=True)
    row = EditedOut.of(done).rows[0]
    response.headers["etag"] = f'"{row.digest}"'
    return row


@router.delete(f"{_PATH}/row", operation_id="row_delete", responses=answers(403, 404, 409, 412))
async def delete_row(
    actor: CurrentActor,
    service: Service,
    database_id: str,
    table: str,
    key: Key,
    *,
    schema: Schema = None,
    if_match: Digest = None,
) -> RowOut:
    """Delete one row; the answer is what it held."""
    check = unchanged(from_header(if_match), None)
    done = await service.delete(actor, database_id, TableName(table, schema), _json(key, "key"), check)
    return EditedOut.of(done).rows[0]


def _json(text: str, field: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid(
            f"{field} is JSON", code="json_invalid", details={"fields": [{"field": field, "message": "is no JSON"}]}
        ) from None


def _filter(text: str) -> tuple[str, Any, Any]:
    try:
        each = FilterIn.model_validate(_json(text, "filter"))
    except ValidationError as error:
        message = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise Invalid(
            f"a filter is {{column, op, value}}: {message}",
            code="filter_invalid",
            details={"fields": [{"field": "filter", "message": message}]},
        ) from None
    return each.column, each.op, each.value


async def _rows_in(request: Request) -> RowsIn:
    try:
        return RowsIn.model_validate(_json((await request.body()).decode("utf-8", "replace"), "body"))
    except ValidationError as error:
        fields = [
            {"field": ".".join(map(str, item["loc"])), "message": item["msg"]}
            for item in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise Invalid(f"{fields[0]['field']}: {fields[0]['message']}", details={"fields": fields}) from None


async def _listed(rows: Sequence[Mapping[str, Any]]) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


async def _lines(request: Request) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
    """Rows of an NDJSON body in batches; a line that is no object is named by its number (from 1)."""
    waiting: list[Mapping[str, Any]] = []
    rest, number = b"", 0
    async for chunk in request.stream():
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > MAX_LINE:
            raise LimitExceeded(f"line {number + len(lines) + 1} is longer than {MAX_LINE} bytes", code="line_too_long")
        for line in lines:
            number += 1
            if line.strip():
                waiting.append(_row(line, number))
        while len(waiting) >= BATCH:
            yield waiting[:BATCH]
            waiting = waiting[BATCH:]
    if rest.strip():
        waiting.append(_row(rest, number + 1))
    if waiting:
        yield waiting


def _row(line: bytes, number: int) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise Invalid(f"line {number} is no JSON object", code="line_invalid", details={"line": number})
    return row
