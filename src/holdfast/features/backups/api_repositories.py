"""/api/v1/repositories."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends

from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.backups.model import RepositoryRow
from holdfast.features.backups.repository_service import RepositoriesService
from holdfast.features.backups.wire_places import CredentialIn
from holdfast.features.backups.wire_repositories import (
    FileKeyChoiceIn,
    RepositoryIn,
    RepositoryKeyOut,
    RepositoryOut,
)
from holdfast.web.errors import answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["repositories"])
Service = Annotated[RepositoriesService, Depends(part(RepositoriesService))]


@router.post(
    "/repositories", operation_id="repository_create", status_code=201, responses=answers(403, 404, 409, 422, 503)
)
def create_repository(body: RepositoryIn, actor: CurrentActor, service: Service, once: IdempotencyKey) -> RepositoryOut:
    """A repository with a password of its own, on local disk or in a bucket (S3, Google Cloud Storage, Azure Blob). The
    credential is tested first: what it lacks is an error, what it could do without is in `last_test`."""

    def wire(row: RepositoryRow) -> dict[str, Any]:
        return RepositoryOut.of(row, service.path(row)).model_dump(mode="json")

    row = service.create(actor, body.wish(), once.answering(wire))
    return RepositoryOut.of(row, service.path(row))


@router.get("/repositories", operation_id="repository_list", responses=answers(403, 404))
def list_repositories(
    actor: CurrentActor, service: Service, project_id: str | None = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[RepositoryOut]:
    """Repositories, newest first."""
    rows = service.list(actor, project_id=project_id, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, lambda row: RepositoryOut.of(row, service.path(row)), lambda row: row.id)


@router.get("/repositories/{repository_id}", operation_id="repository_get", responses=answers(403, 404))
def get_repository(actor: CurrentActor, service: Service, repository_id: str) -> RepositoryOut:
    """One repository, with what it takes and whether its store answers."""
    row = service.get(actor, repository_id)
    return RepositoryOut.of(row, service.path(row), service.bytes(row), service.breaker(row))


@router.post(
    "/repositories/{repository_id}/test", operation_id="repository_test", responses=answers(403, 404, 409, 422, 503)
)
def test_repository(actor: CurrentActor, service: Service, repository_id: str) -> RepositoryOut:
    """Try what the credential of a repository in a bucket may do: `last_test` of the answer has the findings."""
    row = service.test(actor, repository_id)
    return RepositoryOut.of(row, service.path(row), breaker=service.breaker(row))


@router.post(
    "/repositories/{repository_id}/credential",
    operation_id="repository_credential_change",
    responses=answers(403, 404, 409, 422, 503),
)
def change_credential(body: CredentialIn, actor: CurrentActor, service: Service, repository_id: str) -> RepositoryOut:
    """Another credential of the repository's kind. It is tested first and kept only when nothing is missing; then the
    old one is forgotten."""
    row = service.change_credential(actor, repository_id, body.values())
    return RepositoryOut.of(row, service.path(row))


@router.post("/repositories/{repository_id}/default", operation_id="repository_default", responses=answers(403, 404))
def make_default(actor: CurrentActor, service: Service, repository_id: str) -> RepositoryOut:
    """Make it the one where snapshots go that name none: of its environment, or of all when it is for all."""
    row = service.make_default(actor, repository_id)
    return RepositoryOut.of(row, service.path(row))


@router.post(
    "/repositories/{repository_id}/file-key",
    operation_id="repository_file_key",
    responses=answers(403, 404, 409, 422),
)
def choose_file_key(body: FileKeyChoiceIn, actor: CurrentActor, service: Service, repository_id: str) -> RepositoryOut:
    """Seal new files with another key. Older files open with theirs while it is kept."""
    row = service.choose_key(actor, repository_id, body.key, body.encryption)
    return RepositoryOut.of(row, service.path(row))


@router.post("/repositories/{repository_id}/key", operation_id="repository_key_reveal", responses=answers(403, 404))
def reveal_key(actor: CurrentActor, service: Service, repository_id: str) -> RepositoryKeyOut:
    """The password and the path; audited, and a browser session types its password again."""
    password, path, variables = service.key(actor, repository_id)
    older = service.older_keys(actor, repository_id)
    return RepositoryKeyOut(password=password, path=path, variables=list(variables), older=list(older))
