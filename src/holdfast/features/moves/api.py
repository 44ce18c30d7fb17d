"""/api/v1/databases/{database_id}/moves and /api/v1/moves."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Query

from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.moves.model import Move
from holdfast.features.moves.service import MovesService, MoveWish
from holdfast.features.moves.wire import MoveIn, MoveOut, MoveRunOut, MoveStartIn
from holdfast.jobs import Run
from holdfast.web.errors import answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["moves"])
Service = Annotated[MovesService, Depends(part(MovesService))]
Id = Annotated[str | None, Query(max_length=40)]


def _wire(made: tuple[Move, Run]) -> dict[str, Any]:
    return MoveRunOut.of(made).model_dump(mode="json")


@router.post(
    "/databases/{database_id}/moves",
    operation_id="move_plan",
    summary="Plan a move to another engine",
    description="Its run finds out what would be lost. Nothing is made, and the database stays as it is.",
    status_code=202,
    responses=answers(403, 404, 409),
)
def plan(database_id: str, body: MoveIn, actor: CurrentActor, service: Service, once: IdempotencyKey) -> MoveRunOut:
    wish = MoveWish(body.engine, body.name, body.spec)
    return MoveRunOut.of(service.plan(actor, database_id, wish, once.answering(_wire, 202)))


@router.post(
    "/moves/{move_id}/start",
    operation_id="move_start",
    summary="Start a planned move",
    description="Makes the new database, copies everything of one moment, reads it back and compares.",
    status_code=202,
    responses=answers(403, 404, 409),
)
def start(move_id: str, body: MoveStartIn, actor: CurrentActor, service: Service, once: IdempotencyKey) -> MoveRunOut:
    return MoveRunOut.of(service.start(actor, move_id, body.accept, once.answering(_wire, 202)))


@router.get(
    "/moves", operation_id="move_list", summary="List moves", description="Newest first.", responses=answers(403, 404)
)
def list_(
    actor: CurrentActor,
    service: Service,
    project_id: Id = None,
    resource_id: Id = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[MoveOut]:
    rows = service.list(actor, project_id=project_id, resource_id=resource_id, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, MoveOut.of, lambda move: move.id)


@router.get(
    "/moves/{move_id}",
    operation_id="move_read",
    summary="Show a move",
    description="Its tables, its losses, and once it succeeded the digests of both sides.",
    responses=answers(403, 404),
)
def read(move_id: str, actor: CurrentActor, service: Service) -> MoveOut:
    return MoveOut.of(service.get(actor, move_id))


@router.delete(
    "/moves/{move_id}",
    operation_id="move_delete",
    summary="Forget a move",
    description="A plan, or one that ended. Databases stay.",
    status_code=204,
    responses=answers(403, 404, 409),
)
def delete(move_id: str, actor: CurrentActor, service: Service) -> None:
    service.delete(actor, move_id)
