"""POST /api/v1/databases/{id}/query: one JSON answer, or NDJSON as the rows come."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import Response, StreamingResponse

from holdfast.contract.query import Batch
from holdfast.features.access.http import CurrentActor
from holdfast.features.databases.encoding import decode_params, encode_row, json_bytes
from holdfast.features.databases.query import QueryService
from holdfast.features.databases.wire import QueryIn, QueryOut
from holdfast.kernel import log
from holdfast.kernel.errors import HoldfastError
from holdfast.web.errors import answers
from holdfast.web.lean import LeanRoute
from holdfast.web.parts import part
from holdfast.web.presence import until_gone
from holdfast.web.routes import Routes

router = Routes(tags=["databases"], route_class=LeanRoute)
Queries = Annotated[QueryService, Depends(part(QueryService))]
NDJSON = "application/x-ndjson"
_log = log.get("holdfast.databases")


@router.post(
    "/databases/{database_id}/query",
    operation_id="database_query",
    response_model=QueryOut,
    responses={
        200: {"content": {NDJSON: {"schema": {"type": "string"}}}, "description": "Rows; NDJSON by `Accept`."},
        **answers(403, 404, 409, 413),
    },
)
async def query_database(
    body: QueryIn, request: Request, actor: CurrentActor, queries: Queries, database_id: str
) -> Response:
    """Run ONE statement with bound parameters. Going away cancels it at the server."""
    started = time.monotonic()
    batches = queries.query(actor, database_id, body.question(decode_params(body.params)))
    return await answer_of(request, batches, started)


async def answer_of(request: Request, batches: AsyncIterator[Batch], started: float) -> Response:
    """The result as JSON, or as NDJSON when that was asked for."""
    if NDJSON in request.headers.get("accept", ""):
        first = await until_gone(request, anext(batches))  # a refusal is still an ordinary error answer
        return StreamingResponse(lines(first, batches), media_type=NDJSON)
    return await until_gone(request, whole(batches, started))


async def whole(batches: AsyncIterator[Batch], started: float) -> Response:
    answer: dict[str, Any] = {"columns": [], "rows": [], "truncated": None, "affected": None}
    async with aclosing(batches) as opened:  # type: ignore[type-var]
        async for batch in opened:
            if batch.columns:
                answer["columns"] = _columns(batch)
            answer["rows"] += [encode_row(row) for row in batch.rows]
            if batch.last:
                answer |= {"truncated": batch.truncated, "affected": batch.affected}
    answer["row_count"] = len(answer["rows"])
    answer["duration_ms"] = round(1000 * (time.monotonic() - started), 3)
    return Response(json_bytes(answer), media_type="application/json")


async def lines(first: Batch, rest: AsyncIterator[Batch]) -> AsyncIterator[bytes]:
    """{"columns"}, then {"rows"} as they come, then {"end"}; an error half-way is the last line."""
    try:
        yield _line(first)
        async with aclosing(rest) as opened:  # type: ignore[type-var]
            async for batch in opened:
                yield _line(batch)
    except HoldfastError as error:
        yield json_bytes({"error": error.as_dict() | {"status": error.status}}) + b"\n"
    except Exception as error:  # noqa: BLE001  the status line has gone out: the last line must say it, the log has the rest
        _log.exception("a result broke off")
        broken = HoldfastError("the result broke off", details={"kind": type(error).__name__})
        yield json_bytes({"error": broken.as_dict() | {"status": broken.status}}) + b"\n"


def _line(batch: Batch) -> bytes:
    record: dict[str, Any] = {}
    if batch.columns:
        record["columns"] = _columns(batch)
    if batch.rows:
        record["rows"] = [encode_row(row) for row in batch.rows]
    if batch.last:
        record["end"] = {"affected": batch.affected, "truncated": batch.truncated}
    return json_bytes(record) + b"\n"


def _columns(batch: Batch) -> list[dict[str, Any]]:
    return [{"name": column.name, "type": column.type} for column in batch.columns]
