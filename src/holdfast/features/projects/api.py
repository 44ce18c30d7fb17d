"""/api/v1/projects and /api/v1/environments."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Response
from pydantic import BaseModel, Field

from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.projects.model import Environment, EnvironmentKind, Project
from holdfast.features.projects.service import ProjectsService
from holdfast.web.errors import answers
from holdfast.web.etag import IfMatch, set_etag
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.wire import Confirm, In

router = Routes(tags=["projects"])
Service = Annotated[ProjectsService, Depends(part(ProjectsService))]
Name = Annotated[str, Field(min_length=1, max_length=63, examples=["shop"])]


class ProjectIn(In):
    name: Name
    description: str = Field(default="", max_length=2000)


class ProjectPatch(In):
    name: Name | None = None
    description: str | None = Field(default=None, max_length=2000)


class EnvironmentIn(In):
    name: Name
    kind: EnvironmentKind = "development"


class EnvironmentPatch(In):
    name: Name | None = None
    colour: str | None = Field(default=None, pattern=r"^([a-z]{3,20}|#[0-9a-f]{6})$")
    restore_allowed: bool | None = Field(default=None, description="Whether a restore into production may run.")
    masking_required: bool | None = Field(
        default=None, description="Whether copies out of production need a masking profile."
    )


class ProjectOut(BaseModel):
    """A project."""

    id: str
    name: str
    description: str
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, project: Project) -> ProjectOut:
        return cls(**vars(project))


class EnvironmentOut(BaseModel):
    """An environment of a project."""

    id: str
    project_id: str
    name: str
    kind: EnvironmentKind
    colour: str
    restore_allowed: bool
    masking_required: bool
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, environment: Environment) -> EnvironmentOut:
        return cls(**vars(environment))


def _project_wire(project: Project) -> dict[str, Any]:
    return ProjectOut.of(project).model_dump(mode="json")


def _environment_wire(environment: Environment) -> dict[str, Any]:
    return EnvironmentOut.of(environment).model_dump(mode="json")


@router.post("/projects", operation_id="project_create", status_code=201, responses=answers(403, 409))
def create_project(
    body: ProjectIn, actor: CurrentActor, service: Service, once: IdempotencyKey, response: Response
) -> ProjectOut:
    """A project with its environments development, staging and production."""
    made = service.create(actor, body.name, body.description, once.answering(_project_wire))
    set_etag(response, made.version)
    return ProjectOut.of(made)


@router.get("/projects", operation_id="project_list", responses=answers(403))
def list_projects(actor: CurrentActor, service: Service, limit: Limit = 50, cursor: Cursor = None) -> Page[ProjectOut]:
    """The projects the actor sees, oldest first."""
    rows = service.list(actor, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, ProjectOut.of, lambda project: project.id)


@router.get("/projects/{project_id}", operation_id="project_read", responses=answers(403, 404))
def read_project(project_id: str, actor: CurrentActor, service: Service, response: Response) -> ProjectOut:
    """One project; its ETag is what a change needs."""
    found = service.get(actor, project_id)
    set_etag(response, found.version)
    return ProjectOut.of(found)


@router.patch("/projects/{project_id}", operation_id="project_update", responses=answers(403, 404, 409, 412, 428))
def update_project(
    project_id: str, body: ProjectPatch, version: IfMatch, actor: CurrentActor, service: Service, response: Response
) -> ProjectOut:
    """Change the name or the description."""
    changed = service.update(actor, project_id, version, body.model_dump(exclude_unset=True))
    set_etag(response, changed.version)
    return ProjectOut.of(changed)


@router.delete(
    "/projects/{project_id}", operation_id="project_delete", status_code=204, responses=answers(403, 404, 409)
)
def delete_project(project_id: str, body: Confirm, actor: CurrentActor, service: Service) -> None:
    """Delete an empty project and its environments."""
    service.delete(actor, project_id, body.confirm)


@router.post(
    "/projects/{project_id}/environments",
    operation_id="environment_create",
    status_code=201,
    responses=answers(403, 404, 409),
)
def create_environment(
    project_id: str,
    body: EnvironmentIn,
    actor: CurrentActor,
    service: Service,
    once: IdempotencyKey,
    response: Response,
) -> EnvironmentOut:
    """An environment with a data key of its own."""
    made = service.create_environment(actor, project_id, body.name, body.kind, once.answering(_environment_wire))
    set_etag(response, made.version)
    return EnvironmentOut.of(made)


@router.get("/projects/{project_id}/environments", operation_id="environment_list", responses=answers(403, 404))
def list_environments(
    project_id: str, actor: CurrentActor, service: Service, limit: Limit = 50, cursor: Cursor = None
) -> Page[EnvironmentOut]:
    """A project's environments, oldest first."""
    rows = service.environments(actor, project_id, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, EnvironmentOut.of, lambda environment: environment.id)


@router.get("/environments/{environment_id}", operation_id="environment_read", responses=answers(403, 404))
def read_environment(environment_id: str, actor: CurrentActor, service: Service, response: Response) -> EnvironmentOut:
    """One environment."""
    found = service.environment(actor, environment_id)
    set_etag(response, found.version)
    return EnvironmentOut.of(found)


@router.patch(
    "/environments/{environment_id}", operation_id="environment_update", responses=answers(403, 404, 409, 412, 428)
)
def update_environment(
    environment_id: str,
    body: EnvironmentPatch,
    version: IfMatch,
    actor: CurrentActor,
    service: Service,
    response: Response,
) -> EnvironmentOut:
    """Change the name, the colour or whether restores may run. The kind stays what it is."""
    changed = service.update_environment(actor, environment_id, version, body.model_dump(exclude_unset=True))
    set_etag(response, changed.version)
    return EnvironmentOut.of(changed)


@router.delete(
    "/environments/{environment_id}",
    operation_id="environment_delete",
    status_code=204,
    responses=answers(403, 404, 409),
)
def delete_environment(environment_id: str, body: Confirm, actor: CurrentActor, service: Service) -> None:
    """Delete an environment in which nothing lives, and destroy its data key."""
    service.delete_environment(actor, environment_id, body.confirm)
