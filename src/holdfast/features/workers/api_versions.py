"""/api/v1/workers/{worker_id}/versions and deployments."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.workers.archive import unzip
from holdfast.features.workers.deploying import DeploymentsService
from holdfast.features.workers.model import Deployment, Version
from holdfast.features.workers.versions import Upload, VersionsService
from holdfast.features.workers.wire import (
    DeploymentIn,
    DeploymentOut,
    DiffOut,
    RollbackIn,
    Tag,
    VersionIn,
    VersionOut,
    VersionTagIn,
    VersionWholeOut,
)
from holdfast.jobs import Run
from holdfast.web.errors import answers
from holdfast.web.idempotency import Once
from holdfast.web.paging import Cursor, Limit, Page, decode_cursor, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["workers"])
Versions = Annotated[VersionsService, Depends(part(VersionsService))]
Deployments = Annotated[DeploymentsService, Depends(part(DeploymentsService))]
_ZIP = {
    "requestBody": {
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
        "required": True,
    }
}
_MADE: dict[int | str, dict[str, Any]] = {
    201: {"model": VersionOut, "description": "Ready to be deployed."},
    202: {"model": VersionOut, "description": "Building: `run_id` installs its packages first."},
    **answers(403, 404, 409, 413),
}


def _version(version: Version) -> dict[str, Any]:
    return VersionOut.of(version).model_dump(mode="json")


def _deployment(deployment: Deployment) -> dict[str, Any]:
    return DeploymentOut.of(deployment).model_dump(mode="json")


def _before(cursor: str | None) -> int | None:
    key = decode_cursor(cursor, int)
    return None if key is None else int(key[0])


@router.post(
    "/workers/{worker_id}/versions",
    operation_id="worker_version_upload",
    status_code=201,
    responses=_MADE,
    openapi_extra=_ZIP,
)
async def upload(
    request: Request,
    response: Response,
    actor: CurrentActor,
    versions: Versions,
    once: IdempotencyKey,
    worker_id: str,
    *,
    tag: Annotated[Tag | None, Query()] = None,
    message: Annotated[str, Query(max_length=2000)] = "",
    environment: Annotated[str | None, Query(max_length=63, description="`env.NAME` of the wrangler file.")] = None,
) -> VersionOut:
    """A zip of the project, its wrangler file at the top. At most 2000 files and 64 MiB unpacked."""
    await run_in_threadpool(versions.require, actor, worker_id)
    body = await request.body()

    def take() -> tuple[Version, Run | None]:
        files = unzip(body)
        return versions.upload(actor, worker_id, Upload(files, tag, message, None, environment), _kept(once))

    return _made(response, *await run_in_threadpool(take))


@router.post(
    "/workers/{worker_id}/versions/files",
    operation_id="worker_version_create",
    status_code=201,
    responses=_MADE,
)
def create(
    body: VersionIn,
    response: Response,
    actor: CurrentActor,
    versions: Versions,
    once: IdempotencyKey,
    worker_id: str,
) -> VersionOut:
    """The same with the files in JSON."""
    versions.require(actor, worker_id)
    return _made(response, *versions.upload(actor, worker_id, body.upload(), _kept(once)))


def _kept(once: Once) -> Once:
    return once.answering(_version)


def _made(response: Response, made: Version, run: Run | None) -> VersionOut:
    if run is not None:
        response.status_code = 202
    return VersionOut.of(made)


@router.get("/workers/{worker_id}/versions", operation_id="worker_version_list", responses=answers(403, 404))
def list_versions(
    actor: CurrentActor, versions: Versions, worker_id: str, limit: Limit = 50, cursor: Cursor = None
) -> Page[VersionOut]:
    """Newest first: the last fifty, and what is deployed."""
    rows = versions.list(actor, worker_id, before=_before(cursor), limit=limit + 1)
    return page(rows, limit, VersionOut.of, lambda each: (each.number,))


@router.get("/worker-versions/{worker_version_id}", operation_id="worker_version_get", responses=answers(403, 404))
def get_version(actor: CurrentActor, versions: Versions, worker_version_id: str) -> VersionWholeOut:
    """One version with its files and configuration."""
    return VersionWholeOut.of(versions.get(actor, worker_version_id))


@router.patch("/worker-versions/{worker_version_id}", operation_id="worker_version_tag", responses=answers(403, 404))
def tag_version(body: VersionTagIn, actor: CurrentActor, versions: Versions, worker_version_id: str) -> VersionOut:
    """Give it another tag: requests that name it by `holdfast-version` find it from then on."""
    return VersionOut.of(versions.tag(actor, worker_version_id, body.tag))


@router.get(
    "/worker-versions/{worker_version_id}/files/{path:path}",
    operation_id="worker_version_file",
    response_class=Response,
    responses={
        200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}},
        **answers(403, 404),
    },
)
def get_file(
    actor: CurrentActor,
    versions: Versions,
    worker_version_id: str,
    path: Annotated[str, Path(max_length=240)],
) -> Response:
    """One file, of at most a megabyte, as it was uploaded."""
    content = versions.content(actor, worker_version_id, path)
    headers = {"content-disposition": "attachment", "x-content-type-options": "nosniff"}
    return Response(content, media_type="application/octet-stream", headers=headers)


@router.get(
    "/worker-versions/{worker_version_id}/diff", operation_id="worker_version_diff", responses=answers(403, 404)
)
def get_diff(
    actor: CurrentActor,
    versions: Versions,
    worker_version_id: str,
    against: Annotated[str | None, Query(max_length=40, description="Without: the version before it.")] = None,
) -> DiffOut:
    """What a version changes: files by line, and its configuration."""
    return DiffOut.of(versions.diff(actor, worker_version_id, against))


@router.post(
    "/workers/{worker_id}/deployments",
    operation_id="worker_deploy",
    status_code=201,
    responses=answers(403, 404, 409),
)
def deploy(
    body: DeploymentIn, actor: CurrentActor, deployments: Deployments, worker_id: str, once: IdempotencyKey
) -> DeploymentOut:
    """These versions take the requests from now on."""
    return DeploymentOut.of(deployments.deploy(actor, worker_id, body.wish(), once.answering(_deployment)))


@router.get("/workers/{worker_id}/deployments", operation_id="worker_deployment_list", responses=answers(403, 404))
def list_deployments(
    actor: CurrentActor, deployments: Deployments, worker_id: str, limit: Limit = 50, cursor: Cursor = None
) -> Page[DeploymentOut]:
    """What was deployed when, by whom; newest first, and the first one counts."""
    rows = deployments.list(actor, worker_id, before=_before(cursor), limit=limit + 1)
    return page(rows, limit, DeploymentOut.of, lambda each: (each.number,))


@router.post(
    "/workers/{worker_id}/rollback",
    operation_id="worker_rollback",
    status_code=201,
    responses=answers(403, 404, 409),
)
def rollback(
    body: RollbackIn, actor: CurrentActor, deployments: Deployments, worker_id: str, once: IdempotencyKey
) -> DeploymentOut:
    """All requests to an earlier version again, as a deployment of its own."""
    made = deployments.rollback(actor, worker_id, body.version_id, body.message, once.answering(_deployment))
    return DeploymentOut.of(made)
