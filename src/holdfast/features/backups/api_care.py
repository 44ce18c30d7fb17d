"""/api/v1/repositories/{id}: check, usage, repair."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from holdfast.features.access.http import CurrentActor
from holdfast.features.backups.care_service import CareService
from holdfast.features.backups.model import RepositoryRow
from holdfast.features.backups.repository_service import RepositoriesService
from holdfast.features.backups.wire_care import CheckIn, CheckOut, RepairIn
from holdfast.features.backups.wire_repositories import RepositoryOut, RepositoryRunOut
from holdfast.features.runs.wire import RunOut
from holdfast.jobs import Run
from holdfast.web.errors import answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["repositories"])
Service = Annotated[CareService, Depends(part(CareService))]
Repositories = Annotated[RepositoriesService, Depends(part(RepositoriesService))]


def _answer(repositories: RepositoriesService, made: tuple[RepositoryRow, Run]) -> RepositoryRunOut:
    row, run = made
    return RepositoryRunOut(repository=RepositoryOut.of(row, repositories.path(row)), run=RunOut.of(run))


@router.post(
    "/repositories/{repository_id}/check",
    operation_id="repository_check",
    status_code=202,
    responses=answers(403, 404, 409, 422),
)
def check_repository(
    body: CheckIn, actor: CurrentActor, service: Service, repositories: Repositories, repository_id: str
) -> RepositoryRunOut:
    """Check the structure, and of the data all (`read_data`), a part (`subset`) or what was not read for longest
    (`within`)."""
    return _answer(repositories, service.check(actor, repository_id, body.wish()))


@router.get("/repositories/{repository_id}/checks", operation_id="repository_check_list", responses=answers(403, 404))
def list_checks(
    actor: CurrentActor, service: Service, repository_id: str, limit: Limit = 50, cursor: Cursor = None
) -> Page[CheckOut]:
    """What was proven of it, how, when and how long it took; newest first."""
    rows = service.checks(actor, repository_id, after_id(cursor), limit + 1)
    return page(rows, limit, CheckOut.of, lambda row: row.id)


@router.post(
    "/repositories/{repository_id}/usage",
    operation_id="repository_usage",
    status_code=202,
    responses=answers(403, 404, 409),
)
def measure_usage(
    actor: CurrentActor, service: Service, repositories: Repositories, repository_id: str
) -> RepositoryRunOut:
    """Count what it takes by kind and by database, and what no snapshot needs: the run's result says."""
    return _answer(repositories, service.usage(actor, repository_id))


@router.post(
    "/repositories/{repository_id}/repair",
    operation_id="repository_repair",
    status_code=202,
    responses=answers(403, 404, 409, 422),
)
def repair_repository(
    body: RepairIn, actor: CurrentActor, service: Service, repositories: Repositories, repository_id: str
) -> RepositoryRunOut:
    """Say which snapshots and entries damage reaches, or make the index again. The latter needs `repository.repair` and
    that nobody works with the repository."""
    return _answer(repositories, service.repair(actor, repository_id, body.act, read_data=body.read_data))
