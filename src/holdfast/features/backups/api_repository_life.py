"""/api/v1/repositories: taking one in, looking into it, its password, a copy of it, its end."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import Depends
from fastapi.responses import StreamingResponse

from holdfast.features.access.http import CurrentActor
from holdfast.features.backups.life_service import RepositoryLifeService
from holdfast.features.backups.model import RepositoryRow
from holdfast.features.backups.repository_service import RepositoriesService
from holdfast.features.backups.wire_life import (
    AdoptAgainIn,
    AdoptIn,
    CopyIn,
    DeletesIn,
    FileOut,
    RemovedOut,
    RemoveIn,
    StoredOut,
)
from holdfast.features.backups.wire_repositories import RepositoryOut, RepositoryRunOut
from holdfast.features.runs.wire import RunOut
from holdfast.jobs import Run
from holdfast.web.errors import answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["repositories"])
Life = Annotated[RepositoryLifeService, Depends(part(RepositoryLifeService))]
Service = Annotated[RepositoriesService, Depends(part(RepositoriesService))]
ANSWERS = answers(403, 404, 409, 422, 503)


def _both(service: RepositoriesService, made: tuple[RepositoryRow, Run]) -> RepositoryRunOut:
    row, run = made
    return RepositoryRunOut(repository=RepositoryOut.of(row, service.path(row)), run=RunOut.of(run))


@router.post("/repositories/adopt", operation_id="repository_adopt", status_code=202, responses=ANSWERS)
def adopt(body: AdoptIn, actor: CurrentActor, life: Life, service: Service) -> RepositoryRunOut:
    """Take in a repository that is there already. Its run gives rows to the databases' snapshots that a Holdfast made;
    those of stock restic stay files. Asked again it answers 409: `repository_known`."""
    return _both(service, life.adopt(actor, body.wish()))


@router.post(
    "/repositories/{repository_id}/adopt", operation_id="repository_adopt_again", status_code=202, responses=ANSWERS
)
def adopt_again(
    body: AdoptAgainIn, actor: CurrentActor, life: Life, service: Service, repository_id: str
) -> RepositoryRunOut:
    """Rows for databases' snapshots that came into it since."""
    return _both(service, life.adopt_again(actor, repository_id, body.environment_id))


@router.get("/repositories/{repository_id}/contents", operation_id="repository_contents", responses=ANSWERS)
def contents(
    actor: CurrentActor, life: Life, repository_id: str, limit: Limit = 50, cursor: Cursor = None
) -> Page[StoredOut]:
    """Every snapshot in it as the repository itself knows them, by restic id, whoever made them."""
    found = life.contents(actor, repository_id, after=after_id(cursor), limit=limit + 1)
    return page(found, limit, StoredOut.of, lambda each: each.info.id)


@router.get(
    "/repositories/{repository_id}/contents/{restic_id}/files", operation_id="repository_files", responses=ANSWERS
)
def files(
    actor: CurrentActor, life: Life, repository_id: str, restic_id: str, limit: Limit = 50, cursor: Cursor = None
) -> Page[FileOut]:
    """The files of a snapshot that stock restic made, by path."""
    found = life.files(actor, repository_id, restic_id, after=after_id(cursor), limit=limit + 1)
    return page(
        found, limit, lambda each: FileOut(path=each.path, size=each.size, type=each.type), lambda each: each.path
    )


@router.get(
    "/repositories/{repository_id}/contents/{restic_id}/files/{path:path}",
    operation_id="repository_file_download",
    response_class=StreamingResponse,
    responses=ANSWERS,
)
def download(actor: CurrentActor, life: Life, repository_id: str, restic_id: str, path: str) -> StreamingResponse:
    """One file's bytes, verified as they are read; audited."""
    size, pieces = life.file(actor, repository_id, restic_id, path)
    name = quote(path.rsplit("/", 1)[-1], safe="")
    headers = {"content-length": str(size), "content-disposition": f"attachment; filename*=UTF-8''{name}"}
    return StreamingResponse(pieces, media_type="application/octet-stream", headers=headers)


@router.post(
    "/repositories/{repository_id}/password", operation_id="repository_rotate", status_code=202, responses=ANSWERS
)
def rotate(actor: CurrentActor, life: Life, service: Service, repository_id: str) -> RepositoryRunOut:
    """A new password. When its run has ended the old one opens nothing; recovery kits made before are stale."""
    return _both(service, life.rotate(actor, repository_id))


@router.post("/repositories/{repository_id}/copy", operation_id="repository_copy", status_code=202, responses=ANSWERS)
def copy(body: CopyIn, actor: CurrentActor, life: Life, service: Service, repository_id: str) -> RepositoryRunOut:
    """Every snapshot into another repository, under its own key, read back there. Cut off, ask again: it goes on."""
    return _both(service, life.copy(actor, repository_id, body.into, switch=body.switch))


@router.post("/repositories/{repository_id}/deletes", operation_id="repository_deletes", responses=ANSWERS)
def deletes(body: DeletesIn, actor: CurrentActor, life: Life, service: Service, repository_id: str) -> RepositoryOut:
    """Whether Holdfast only adds to it with its own credential, and the one that may delete."""
    credential = body.credential.values() if body.credential else {}
    row = life.deletes(actor, repository_id, apart=body.apart, credential=credential)
    return RepositoryOut.of(row, service.path(row))


@router.delete("/repositories/{repository_id}", operation_id="repository_remove", responses=ANSWERS)
def remove(body: RemoveIn, actor: CurrentActor, life: Life, service: Service, repository_id: str) -> RemovedOut:
    """Detach it: its files stay, and it can be adopted again. With `files` a run deletes what is ours in it."""
    row, run = life.remove(actor, repository_id, body.confirm, files=body.files, force=body.force)
    return RemovedOut(repository=RepositoryOut.of(row, service.path(row)), run=RunOut.of(run) if run else None)
