"""/api/v1/workers/{worker_id}/openapi: what a worker takes, for programs and for people."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.responses import HTMLResponse, JSONResponse, Response

from holdfast.features.access.http import CurrentActor
from holdfast.features.workers.describing import DescribingService
from holdfast.features.workers.openapi_page import POLICY, page
from holdfast.web.errors import answers
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["workers"])
Describing = Annotated[DescribingService, Depends(part(DescribingService))]
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "An OpenAPI 3.1 document, or a page of it.",
        "content": {"application/json": {"schema": {"type": "object"}}, "text/html": {"schema": {"type": "string"}}},
    },
    **answers(403, 404),
}


@router.get("/workers/{worker_id}/openapi", operation_id="worker_openapi", response_class=Response, responses=_ANSWER)
def openapi(
    actor: CurrentActor,
    describing: Describing,
    worker_id: str,
    *,
    version_id: Annotated[str | None, Query(max_length=40, description="Else what takes most requests.")] = None,
    html: Annotated[bool, Query(description="A page for people.")] = False,
) -> Response:
    """The routes a worker declares, as an OpenAPI 3.1 document."""
    made = describing.openapi(actor, worker_id, version_id)
    if html:
        return HTMLResponse(page(made), headers={"content-security-policy": POLICY})
    return JSONResponse(made)
