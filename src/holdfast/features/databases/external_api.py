"""/api/v1/databases/external: databases that are not ours."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Response

from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.databases.api import pair, pair_wire
from holdfast.features.databases.external_service import ExternalService
from holdfast.features.databases.external_wire import (
    HostKeyIn,
    HostKeyOut,
    LookOut,
    RegistrationIn,
    TargetIn,
    TestIn,
    TriedOut,
)
from holdfast.features.databases.wire import DatabaseRunOut
from holdfast.web.errors import answers
from holdfast.web.etag import set_etag
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["external databases"])
Service = Annotated[ExternalService, Depends(part(ExternalService))]


@router.post(
    "/databases/external", operation_id="database_register", status_code=202, responses=answers(403, 404, 409, 503)
)
def register_database(
    body: RegistrationIn, actor: CurrentActor, service: Service, once: IdempotencyKey, response: Response
) -> DatabaseRunOut:
    """Register a server or file that is not ours; ready when its run could reach it, else failed with the reason."""
    made = service.register(actor, body.registration(), once.answering(pair_wire, 202))
    set_etag(response, made[0].version)
    return pair(made)


@router.post("/databases/external/test", operation_id="database_test", responses=answers(403, 404, 409, 503))
def test_database(body: TestIn, actor: CurrentActor, service: Service) -> TriedOut:
    """Try to reach a database and say what its login may do. Nothing is kept."""
    return TriedOut.of(service.test(actor, body.environment_id, body.engine, body.target.target()))


@router.post("/databases/external/host-key", operation_id="database_host_key", responses=answers(403, 404, 503))
def show_host_key(body: HostKeyIn, actor: CurrentActor, service: Service) -> HostKeyOut:
    """The key an SSH server shows, to be compared and confirmed by a person."""
    host_key, fingerprint = service.host_key(actor, body.environment_id, body.host, body.port)
    return HostKeyOut(host_key=host_key, fingerprint=fingerprint)


@router.put(
    "/databases/{database_id}/external",
    operation_id="database_reconnect",
    status_code=202,
    responses=answers(403, 404, 409, 503),
)
def reconnect_database(body: TargetIn, actor: CurrentActor, service: Service, database_id: str) -> DatabaseRunOut:
    """Another way to a registered database: address, login, TLS and tunnel are all given anew."""
    return pair(service.reconnect(actor, database_id, body.target()))


@router.get("/databases/{database_id}/report", operation_id="database_report", responses=answers(403, 404, 409))
def read_report(actor: CurrentActor, service: Service, database_id: str) -> LookOut:
    """The latest look at a registered database: version, what the login may do, and what to run so that it may more."""
    resource, look = service.latest(actor, database_id)
    return LookOut.of(resource.id, look)


@router.post("/databases/{database_id}/report", operation_id="database_look", responses=answers(403, 404, 409))
def look_now(actor: CurrentActor, service: Service, database_id: str) -> LookOut:
    """Look at it now. A read-only login that has proven itself is used from here on."""
    resource, look = service.report(actor, database_id)
    return LookOut.of(resource.id, look)
