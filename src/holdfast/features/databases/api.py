"""/api/v1/engines and /api/v1/databases."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Response

from holdfast.contract.codec import to_plain
from holdfast.contract.registry import Registry
from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.databases.history import Wanted as StatementsWanted
from holdfast.features.databases.model import Resource
from holdfast.features.databases.query import QueryService
from holdfast.features.databases.service import DatabasesService
from holdfast.features.databases.wire import (
    ConfirmIn,
    DatabaseIn,
    DatabaseOut,
    DatabasePatch,
    DatabaseRunOut,
    EngineOut,
    StatementOut,
    UrlIn,
    UrlOut,
)
from holdfast.features.runs.wire import RunOut
from holdfast.jobs import Run
from holdfast.kernel.errors import Invalid, NotFound
from holdfast.web.errors import answers
from holdfast.web.etag import OptionalIfMatch, set_etag
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["databases"])
Service = Annotated[DatabasesService, Depends(part(DatabasesService))]
Queries = Annotated[QueryService, Depends(part(QueryService))]
Engines = Annotated[Registry, Depends(part(Registry))]
Access = Annotated[str, Query(description="owner, rw or ro.")]
Label = Annotated[list[str] | None, Query(description="key=value; repeatable.")]


def pair(made: tuple[Resource, Run]) -> DatabaseRunOut:
    """A database and its run, as every act answers."""
    resource, run = made
    return DatabaseRunOut(resource=DatabaseOut.of(resource), run=RunOut.of(run))


def pair_wire(made: tuple[Resource, Run]) -> dict[str, Any]:
    return pair(made).model_dump(mode="json")


@router.get("/engines", operation_id="engine_list", tags=["engines"], responses=answers(403))
def list_engines(actor: CurrentActor, engines: Engines) -> Page[EngineOut]:
    """The engines of this installation, with the form each is created by."""
    actor.require("database.read")
    return Page[EngineOut](items=[EngineOut.of(engine) for engine in engines])


@router.get("/engines/{name}", operation_id="engine_get", tags=["engines"], responses=answers(403, 404))
def get_engine(actor: CurrentActor, engines: Engines, name: str) -> EngineOut:
    """One engine."""
    actor.require("database.read")
    if name not in engines.names():
        raise NotFound(f"there is no engine named {name!r}", code="engine_unknown")
    return EngineOut.of(engines.get(name))


@router.post("/databases", operation_id="database_create", status_code=202, responses=answers(403, 404, 409))
def create_database(
    body: DatabaseIn, actor: CurrentActor, service: Service, once: IdempotencyKey, response: Response
) -> DatabaseRunOut:
    """Create a database; ready when its run has succeeded."""
    made = service.create(actor, body.wanted(), once.answering(pair_wire, 202))
    set_etag(response, made[0].version)
    return pair(made)


@router.get("/databases", operation_id="database_list", responses=answers(403, 404))
def list_databases(
    actor: CurrentActor,
    service: Service,
    *,
    project_id: str | None = None,
    environment_id: str | None = None,
    engine: str | None = None,
    state: Annotated[list[str] | None, Query(description="Repeatable.")] = None,
    name: Annotated[str | None, Query(description="Part of the name.")] = None,
    label: Label = None,
    colour: Annotated[str | None, Query(max_length=20)] = None,
    notes: Annotated[str | None, Query(max_length=200, description="Part of the notes.")] = None,
    deleted: Annotated[bool, Query(description="Those that can still be brought back instead.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DatabaseOut]:
    """Databases, newest first."""
    rows = service.list(
        actor,
        project_id=project_id,
        environment_id=environment_id,
        engine=engine,
        states=state or (),
        name=name,
        labels=_labels(label or []),
        colour=colour,
        notes=notes,
        deleted=deleted,
        after=after_id(cursor),
        limit=limit + 1,
    )
    return page(rows, limit, DatabaseOut.of, lambda resource: resource.id)


def _labels(given: list[str]) -> dict[str, str]:
    if any("=" not in pair for pair in given):
        raise Invalid("label reads key=value", code="label_invalid")
    return dict(pair.split("=", 1) for pair in given)


@router.get("/databases/{database_id}", operation_id="database_get", responses=answers(403, 404))
def get_database(actor: CurrentActor, service: Service, database_id: str, response: Response) -> DatabaseOut:
    """One database."""
    resource = service.get(actor, database_id)
    set_etag(response, resource.version)
    return DatabaseOut.of(resource)


@router.patch("/databases/{database_id}", operation_id="database_update", responses=answers(403, 404, 412))
def update_database(
    body: DatabasePatch,
    actor: CurrentActor,
    service: Service,
    database_id: str,
    if_match: OptionalIfMatch,
    response: Response,
) -> DatabaseOut:
    """Change labels, colour, notes or deletion protection."""
    changes = body.model_dump(exclude_unset=True)
    for name in ("labels", "notes", "deletion_protection"):
        if changes.get(name, ...) is None:
            raise Invalid(f"{name} cannot be null", details={"fields": [{"field": name, "message": "is null"}]})
    resource = service.update(actor, database_id, changes, version=if_match)
    set_etag(response, resource.version)
    return DatabaseOut.of(resource)


@router.delete(
    "/databases/{database_id}", operation_id="database_delete", status_code=202, responses=answers(403, 404, 409)
)
def delete_database(body: ConfirmIn, actor: CurrentActor, service: Service, database_id: str) -> DatabaseRunOut:
    """Stop it and hide it; its data stays for the grace period and can be brought back."""
    return pair(service.delete(actor, database_id, body.confirm))


@router.post(
    "/databases/{database_id}/undelete",
    operation_id="database_undelete",
    status_code=202,
    responses=answers(403, 404, 409),
)
def undelete_database(actor: CurrentActor, service: Service, database_id: str) -> DatabaseRunOut:
    """Bring a deleted database back."""
    return pair(service.undelete(actor, database_id))


@router.post(
    "/databases/{database_id}/purge", operation_id="database_purge", status_code=202, responses=answers(403, 404, 409)
)
def purge_database(body: ConfirmIn, actor: CurrentActor, service: Service, database_id: str) -> DatabaseRunOut:
    """Destroy a deleted database's data now. Its snapshots stay."""
    return pair(service.purge(actor, database_id, body.confirm))


@router.post(
    "/databases/{database_id}/start", operation_id="database_start", status_code=202, responses=answers(403, 404, 409)
)
def start_database(actor: CurrentActor, service: Service, database_id: str) -> DatabaseRunOut:
    """Start a stopped or failed database."""
    return pair(service.start(actor, database_id))


@router.post(
    "/databases/{database_id}/stop", operation_id="database_stop", status_code=202, responses=answers(403, 404, 409)
)
def stop_database(actor: CurrentActor, service: Service, database_id: str) -> DatabaseRunOut:
    """Stop it; its data stays."""
    return pair(service.stop(actor, database_id))


@router.get("/databases/{database_id}/url", operation_id="database_url", responses=answers(403, 404, 409))
def masked_url(actor: CurrentActor, service: Service, database_id: str, access: Access = "owner") -> UrlOut:
    """The connection URL with the password masked."""
    return UrlOut(url=service.masked_url(actor, database_id, access))


@router.post("/databases/{database_id}/url", operation_id="database_url_reveal", responses=answers(403, 404, 409))
def reveal_url(body: UrlIn, actor: CurrentActor, service: Service, database_id: str) -> UrlOut:
    """The connection URL with its password; audited, and a browser session types its password again."""
    return UrlOut(url=service.reveal_url(actor, database_id, body.access))


@router.get("/databases/{database_id}/catalog", operation_id="database_catalog", responses=answers(403, 404, 409))
async def get_catalog(
    actor: CurrentActor, queries: Queries, database_id: str, depth: Literal["shallow", "full"] = "shallow"
) -> dict[str, Any]:
    """Schemas, relations, columns, indexes, sizes; "full" counts rows exactly."""
    found: dict[str, Any] = to_plain(await queries.inspect(actor, database_id, depth))
    return found


@router.get("/databases/{database_id}/statements", operation_id="statement_list", responses=answers(403, 404))
async def list_statements(
    actor: CurrentActor,
    queries: Queries,
    database_id: str,
    *,
    by: Annotated[str | None, Query(alias="actor", max_length=80, description="Who ran it.")] = None,
    status: Annotated[str | None, Query(max_length=40, description='"ok", "cancelled" or an error\'s code.')] = None,
    write: Annotated[bool | None, Query(description="Run with write access, or not.")] = None,
    contains: Annotated[str | None, Query(max_length=200, description="Text in the statement's shape.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[StatementOut]:
    """What ran here, newest first: shapes without literals."""
    rows = await queries.statements(
        actor,
        database_id,
        after=after_id(cursor),
        limit=limit + 1,
        wanted=StatementsWanted(by, status, write, contains),
    )
    return page(rows, limit, StatementOut.of, lambda statement: statement.id)
