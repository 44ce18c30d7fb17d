"""/api/v1/repositories/{id}/colder, /prices, /savings, and snapshots that lie in an archive."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query

from holdfast.features.access.http import CurrentActor
from holdfast.features.backups.wire import SnapshotOut
from holdfast.features.colder.savings import SavingsService
from holdfast.features.colder.service import ColderService
from holdfast.features.colder.wire import (
    ColderIn,
    ColderOut,
    ColderRunOut,
    MoveIn,
    PricesWishIn,
    SavingsOut,
    SavingsPage,
    ThawIn,
    ThawRunOut,
    TotalOut,
)
from holdfast.features.runs.wire import RunOut
from holdfast.web.errors import answers
from holdfast.web.paging import Cursor, Limit, after_id, encode_cursor
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["repositories"])
Service = Annotated[ColderService, Depends(part(ColderService))]
Reckoning = Annotated[SavingsService, Depends(part(SavingsService))]


@router.get("/repositories/{repository_id}/colder", operation_id="repository_colder", responses=answers(403, 404))
def show(actor: CurrentActor, service: Service, repository_id: str) -> ColderOut:
    """What goes to a colder storage class, and the classes this repository may use."""
    return ColderOut.of(service.show(actor, repository_id))


@router.put(
    "/repositories/{repository_id}/colder",
    operation_id="repository_colder_set",
    responses=answers(403, 404, 409, 422),
)
def set_rule(body: ColderIn, actor: CurrentActor, service: Service, repository_id: str) -> ColderOut:
    """Say what goes to a colder class, or nothing any more. Nothing moves now. A rule for the store is written into the
    bucket's lifecycle configuration, where rules of others stay byte for byte."""
    return ColderOut.of(service.set(actor, repository_id, body.rule.rule() if body.rule else None))


@router.put(
    "/repositories/{repository_id}/prices", operation_id="repository_prices_set", responses=answers(403, 404, 422)
)
def set_prices(body: PricesWishIn, actor: CurrentActor, service: Service, repository_id: str) -> ColderOut:
    """Say what a GB costs in a month, by class. Holdfast knows no prices of its own."""
    return ColderOut.of(service.price(actor, repository_id, body.wish()))


@router.post(
    "/repositories/{repository_id}/colder/moves",
    operation_id="repository_colder_move",
    status_code=202,
    responses=answers(403, 404, 409, 422),
)
def move(body: MoveIn, actor: CurrentActor, service: Service, repository_id: str) -> ColderRunOut:
    """Count what lies in which class, and move what the rule says; by itself this happens every day. A dry run (the
    default) only says what would move. `back`: everything to the first class again."""
    row, run = service.move(actor, repository_id, dry_run=body.dry_run, back=body.back)
    return ColderRunOut(repository_id=row.id, run=RunOut.of(run))


@router.post(
    "/snapshots/{snapshot_id}/thaw",
    operation_id="snapshot_thaw",
    status_code=202,
    responses=answers(403, 404, 409, 422),
)
def thaw(body: ThawIn, actor: CurrentActor, service: Service, snapshot_id: str) -> ThawRunOut:
    """Ask the store for a snapshot that lies in an archive. It can be restored some hours later: the run's result says
    after how many, and asked again whether it is there."""
    snapshot, run = service.thaw(actor, snapshot_id, body.days, body.tier)
    return ThawRunOut(snapshot=SnapshotOut.of(snapshot), run=RunOut.of(run))


@router.get("/repositories/{repository_id}/savings", operation_id="repository_savings", responses=answers(403, 404))
def savings(actor: CurrentActor, service: Reckoning, repository_id: str) -> SavingsOut:
    """Bytes by class, what sharing and packing spare, what was freed in 30 days, and with prices what it costs."""
    return SavingsOut.of(service.of(actor, repository_id))


@router.get("/savings", operation_id="savings_list", responses=answers(403, 404))
def all_savings(
    actor: CurrentActor,
    service: Reckoning,
    project_id: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> SavingsPage:
    """The same of every repository, newest first, and in total."""
    found, after = service.all(actor, project_id), after_id(cursor)
    rest = [each for each in found if after is None or each.row.id < after]
    shown = rest[:limit]
    more = encode_cursor(shown[-1].row.id) if len(rest) > limit else None
    return SavingsPage(items=[SavingsOut.of(each) for each in shown], next_cursor=more, total=TotalOut.of(found))
