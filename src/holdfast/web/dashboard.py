"""The dashboard's addresses on the control origin: its files, and the one page behind every deep link."""

from __future__ import annotations

import re
from pathlib import Path

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from holdfast.kernel.errors import NotFound
from holdfast.web import static
from holdfast.web.bundle import SHIPPED, Bundle

# Addresses of programs: what is not there is said as an error, never as a page.
RESERVED = frozenset({"api", "assets", "health", "metrics"})
_NO_PAGE = re.compile(r"(^|/)\.|[\\\x00-\x1f\x7f]|//")  # hidden names, steps upwards, what no link of ours holds
_READING = frozenset({"GET", "HEAD"})


class Dashboard:
    """Serves a build of the dashboard; the plain sign-in page while there is none."""

    def __init__(self, root: Path | None = None) -> None:
        self.bundle = Bundle(root or SHIPPED)

    def router(self) -> APIRouter:
        """Anonymous: these files hold nothing of anybody."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/", self._index, methods=["GET", "HEAD"])
        router.add_api_route("/plain", self._plain, methods=["GET", "HEAD"])
        router.add_api_route("/assets/{name}", self._asset, methods=["GET", "HEAD"])
        return router

    def install(self, router: APIRouter) -> None:
        """Answer what no route takes: a page for a browser that goes somewhere, else what the router said before."""
        unknown = router.default

        async def found_by_name(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["method"] in _READING:
                answer = await run_in_threadpool(self._elsewhere, scope["path"], Headers(scope=scope))
                if answer is not None:
                    await answer(scope, receive, send)
                    return
            await unknown(scope, receive, send)

        router.default = found_by_name

    def _index(self, request: Request) -> Response:
        return self._page(request.headers)

    def _plain(self) -> Response:
        """Without the dashboard's scripts, for when they do not run."""
        return static.sign_in(has_dashboard=self.bundle.is_built)

    def _asset(self, name: str, request: Request) -> Response:
        if name in static.PAGES:
            return static.page(name)
        answer = self.bundle.answer(f"assets/{name}", request.headers)
        if answer is None:
            raise NotFound("there is no such file", code="file_not_found")
        return answer

    def _page(self, asked: Headers) -> Response:
        return self.bundle.answer("index.html", asked) or static.sign_in(has_dashboard=False)

    def _elsewhere(self, path: str, asked: Headers) -> Response | None:
        if path.partition("/")[2].partition("/")[0] in RESERVED or _NO_PAGE.search(path):
            return None
        file = self.bundle.answer(path[1:], asked)
        return file or (self._page(asked) if wants_page(asked) else None)


def wants_page(asked: Headers) -> bool:
    """A browser that goes to an address, not a script, picture or program that asks for one."""
    if asked.get("sec-fetch-dest", "document") != "document":
        return False
    kinds = (each.partition(";")[0].strip().lower() for each in ",".join(asked.getlist("accept")).split(","))
    return "text/html" in kinds
