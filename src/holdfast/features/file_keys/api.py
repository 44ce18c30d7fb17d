"""/api/v1/projects/{project_id}/file-keys and /api/v1/file-keys."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends

from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.file_keys.model import FileKey
from holdfast.features.file_keys.service import FileKeysService
from holdfast.features.file_keys.wire import CredentialIn, DeleteIn, FileKeyIn, FileKeyMaterialOut, FileKeyOut
from holdfast.web.errors import answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["file keys"])
Service = Annotated[FileKeysService, Depends(part(FileKeysService))]


def _wire(key: FileKey) -> dict[str, Any]:
    return FileKeyOut.of(key).model_dump(mode="json")


@router.post(
    "/projects/{project_id}/file-keys",
    operation_id="file_key_create",
    status_code=201,
    responses=answers(403, 404, 409, 422, 503),
)
def create(project_id: str, body: FileKeyIn, actor: CurrentActor, service: Service, once: IdempotencyKey) -> FileKeyOut:
    """Add a key that plain files are sealed with. What it is never changes: for another key add another one."""
    return FileKeyOut.of(service.create(actor, project_id, body.wanted(), once.answering(_wire)))


@router.get("/projects/{project_id}/file-keys", operation_id="file_key_list", responses=answers(403, 404))
def list_(
    project_id: str, actor: CurrentActor, service: Service, limit: Limit = 50, cursor: Cursor = None
) -> Page[FileKeyOut]:
    """A project's keys, oldest first."""
    rows = service.list(actor, project_id, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, FileKeyOut.of, lambda key: key.id)


@router.get("/file-keys/{file_key_id}", operation_id="file_key_read", responses=answers(403, 404))
def read(file_key_id: str, actor: CurrentActor, service: Service) -> FileKeyOut:
    """One key, with what uses it."""
    return FileKeyOut.of(*service.get(actor, file_key_id))


@router.post("/file-keys/{file_key_id}/test", operation_id="file_key_test", responses=answers(403, 404, 409, 422, 503))
def test(file_key_id: str, actor: CurrentActor, service: Service) -> FileKeyOut:
    """Ask the service that has it: something is wrapped and opened again, or the key is read."""
    return FileKeyOut.of(service.test(actor, file_key_id))


@router.post(
    "/file-keys/{file_key_id}/credential",
    operation_id="file_key_credential_change",
    responses=answers(403, 404, 409, 422, 503),
)
def change_credential(file_key_id: str, body: CredentialIn, actor: CurrentActor, service: Service) -> FileKeyOut:
    """Another token, secret id or access key for the key's service. It is tried first; the old one is forgotten."""
    return FileKeyOut.of(service.change_credential(actor, file_key_id, body.values()))


@router.post("/file-keys/{file_key_id}/reveal", operation_id="file_key_reveal", responses=answers(403, 404, 409))
def reveal(file_key_id: str, actor: CurrentActor, service: Service) -> FileKeyMaterialOut:
    """The identity or passphrase; audited, and a browser session types its password again."""
    key, material = service.reveal(actor, file_key_id)
    return FileKeyMaterialOut(name=key.name, material=material)


@router.delete(
    "/file-keys/{file_key_id}", operation_id="file_key_delete", status_code=204, responses=answers(403, 404, 409)
)
def delete(file_key_id: str, body: DeleteIn, actor: CurrentActor, service: Service) -> None:
    """Delete a key. While snapshots need it, 409 says which; with `lose` they do not open here any more."""
    service.delete(actor, file_key_id, body.confirm, lose=body.lose)
