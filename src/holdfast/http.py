"""The API as a value: `create_app(services, settings)`. Nothing is made here but the app."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response

import holdfast
from holdfast.features.access import api as access_api
from holdfast.features.access import api_keys
from holdfast.features.access.accounts import wiring as accounts
from holdfast.features.access.actor import Actor, Hidden
from holdfast.features.access.factors import wiring as factors
from holdfast.features.access.granting import wiring as granting
from holdfast.features.access.http import CurrentActor
from holdfast.features.access.keys import KeyService
from holdfast.features.access.service import AccessService
from holdfast.features.access.sso import wiring as single_sign_on
from holdfast.features.access.streams import still_in
from holdfast.features.access.tokens import api as tokens_api
from holdfast.features.health import api as health_api
from holdfast.features.health.ping import Health
from holdfast.features.limits import http as limits_http
from holdfast.features.limits.errors import Limited
from holdfast.features.metrics import api as metrics_api
from holdfast.features.projects import api as projects_api
from holdfast.features.projects.service import ProjectsService
from holdfast.kernel import audit, log
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Denied, HoldfastError
from holdfast.kernel.settings import Settings
from holdfast.web import static
from holdfast.web.dashboard import Dashboard
from holdfast.web.errors import answers, plain, render, render_http, render_unexpected, render_validation, schemas
from holdfast.web.guards import BodyLimit, HostGuard, PeerGuard, RequestContext
from holdfast.web.idempotency import Replayed
from holdfast.web.measured import HttpMeter, Measured
from holdfast.web.origin import COOKIE, OriginGuard
from holdfast.web.routes import Routes
from holdfast.web.switchboard import Switchboard

API = "/api/v1"
OWN_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
_log = log.get("holdfast.http")
_DESCRIPTION = """
Provision databases, query them, back them up, verify and restore.

Send an API key as `Authorization: Bearer hf_...`, or sign in for a cookie. Every error has one form:

    {"error": {"code": "...", "message": "...", "hint": null, "details": {}, "retryable": false}}
"""


@dataclass(frozen=True)
class Services:
    """What the composition root built. `parts` are the services by type, as `web.parts.part` hands them to routes;
    `routers` are the slices' own, served under /api/v1; `background` run on the event loop while the process serves;
    `endings` are awaited while requests in flight end: what would keep those open lets go; `closers` are called at the
    very end, last first."""

    db: Database
    access: AccessService
    keys: KeyService
    projects: ProjectsService
    health: Health
    parts: Mapping[type, object]
    routers: Sequence[Routes] = ()
    admin_uids: frozenset[int] = frozenset({0})
    background: Sequence[Callable[[], Awaitable[None]]] = ()
    endings: Sequence[Callable[[], Awaitable[None]]] = ()
    closers: Sequence[Callable[[], None]] = ()


def create_app(services: Services, settings: Settings) -> FastAPI:
    """Every route of this installation behind every guard."""
    meter = HttpMeter()
    app = FastAPI(
        title="Holdfast",
        version=holdfast.__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        generate_unique_id_function=operation_id,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # /metrics is ours; asking costs every request
        middleware=[
            Middleware(Measured, meter=meter, prefix=API),
            Middleware(RequestContext),
            Middleware(PeerGuard, uids=services.admin_uids),
            Middleware(
                HostGuard,
                own=OWN_HOSTS,
                configured=frozenset(host.strip().lower() for host in settings.allowed_hosts),
            ),
            Middleware(limits_http.LimitGuard),
            Middleware(BodyLimit),
            Middleware(OriginGuard),
        ],
        redirect_slashes=False,
    )
    own = {
        AccessService: services.access,
        KeyService: services.keys,
        ProjectsService: services.projects,
        Health: services.health,
        HttpMeter: meter,
    }
    app.state.services = services
    app.state.parts = {**own, **services.parts}
    app.state.closing = asyncio.Event()
    app.state.still_in = still_in
    own_routers = (access_api.router, api_keys.router, tokens_api.router, projects_api.router)
    people = (*accounts.ROUTERS, *factors.ROUTERS, *granting.ROUTERS, *single_sign_on.ROUTERS)
    for router in (*own_routers, *services.routers, *people):
        router.into(app, API)
    for router in (tokens_api.well_known, health_api.router, metrics_api.scraped):
        router.into(app)
    app.include_router(_pages(app))
    dashboard = Dashboard(settings.ui)
    app.include_router(dashboard.router())
    dashboard.install(app.router)
    limits_http.install(app)
    Switchboard.install(app.router)
    _describe(app)
    _handle_errors(app, services.db)
    return app


def _describe(app: FastAPI) -> None:
    """The form of errors, and what a call is signed with, for generated clients; anonymous routes say `security: []`
    themselves."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        schema = plain()
        models = {**schema["components"]["schemas"], **schemas()}
        schema["components"]["schemas"] = dict(sorted(models.items()))
        schema["components"]["securitySchemes"] = {
            "key": {"type": "http", "scheme": "bearer", "description": "An API key, `hf_...`."},
            "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "Set by signing in."},
        }
        schema["security"] = [{"key": []}, {"session": []}]
        return schema

    app.openapi = described  # type: ignore[method-assign]


def operation_id(route: APIRoute) -> str:
    """`noun_verb`; a route that gives none has its function's name, which is `verb_noun`, turned round."""
    verb, _, noun = route.name.rstrip("_").partition("_")
    return f"{noun}_{verb}" if noun else verb


def _pages(app: FastAPI) -> APIRouter:
    """The API's description is for those who may call it."""
    router = APIRouter(include_in_schema=False)

    @router.get("/api/openapi.json", responses=answers())
    async def openapi(_actor: CurrentActor) -> Response:
        return JSONResponse(app.openapi())

    @router.get("/api/docs")
    async def docs(_actor: CurrentActor) -> Response:
        return static.page("docs.html")

    @router.get("/api/docs/{name}")
    async def docs_asset(name: str, _actor: CurrentActor) -> Response:
        return static.docs_asset(name)

    return router


def _handle_errors(app: FastAPI, db: Database) -> None:
    async def ours(request: Request, error: Exception) -> Response:
        failure = cast(HoldfastError, error)
        if isinstance(failure, Denied | Hidden):
            await run_in_threadpool(_record_denial, db, request, failure)
        elif isinstance(failure, Limited):
            await limits_http.record_limited(request, failure)
        elif failure.status >= 500 and not failure.retryable:
            _log.error("a request failed", code=failure.code, error=failure.message)
        return render(failure)

    async def replayed(_request: Request, error: Exception) -> Response:
        again = cast(Replayed, error)
        return JSONResponse(dict(again.response), again.status, {"idempotent-replayed": "true"})

    async def framework(_request: Request, error: Exception) -> Response:
        return render_http(cast(HTTPException, error))

    async def malformed(_request: Request, error: Exception) -> Response:
        return render_validation(cast(RequestValidationError, error))

    async def no_text(request: Request, error: Exception) -> Response:
        """Half a surrogate pair is a string in JSON (RFC 8259, 8.2), but no text: it cannot be hashed or stored."""
        if cast(UnicodeEncodeError, error).reason != "surrogates not allowed":
            return await unexpected(request, error)
        return plain(422, "text_invalid", "the request holds text that is not Unicode")

    async def unexpected(request: Request, error: Exception) -> Response:
        _log.error("a request failed", exc_info=error)
        return render_unexpected(request.state.request_id)

    handlers: Mapping[Any, Any] = {
        HoldfastError: ours,
        Replayed: replayed,
        HTTPException: framework,
        RequestValidationError: malformed,
        UnicodeEncodeError: no_text,
        Exception: unexpected,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def _record_denial(db: Database, request: Request, error: HoldfastError) -> None:
    """Refusals are facts of their own: the one thing a denied call leaves behind."""
    actor: Actor | None = getattr(request.state, "actor", None)
    if actor is None:
        return
    method = request.scope.get("method", "GET")  # a socket's request has no other
    wanted = {"code": error.code, "method": method, "path": request.url.path[:300], **error.details}
    with db.write() as conn:
        audit.record(conn, actor=actor.id, action="request.denied", outcome="denied", details=wanted)
