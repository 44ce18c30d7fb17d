"""Files that are served as they are: the sign-in page, and Swagger UI without a CDN."""

from __future__ import annotations

import mimetypes
from functools import cache
from importlib.resources import files
from typing import Any

from starlette.responses import Response

from holdfast.kernel.errors import NotFound
from holdfast.web.guards import PAGE_POLICY

PAGES = frozenset({"page.css", "sign-in.js", "icon.svg"})
# `fastapi_offline` is used for the two files of Swagger UI it carries; its code is not.
DOCS = {
    "swagger-ui.css": "fastapi_offline",
    "swagger-ui-bundle.js": "fastapi_offline",
    "docs.js": "holdfast.web",
    "docs.css": "holdfast.web",
}
_NOTE = b"<!-- note -->\n"
_MISSING = (
    b"<p><strong>The dashboard was not built</strong> into this installation, so this page stands in for it. In a "
    b"clone, <code>make ui</code> builds it; released packages carry it. The API and the <code>holdfast</code> command "
    b"work without it.</p>\n"
)


@cache
def _read(package: str, folder: str, name: str) -> bytes:
    return files(package).joinpath(folder, name).read_bytes()


def page(name: str) -> Response:
    """One of our own pages."""
    return _answer(_read("holdfast.web", "pages", name), name)


def sign_in(*, has_dashboard: bool) -> Response:
    """The plain sign-in page, which needs no build. It says so when there is no dashboard."""
    content = _read("holdfast.web", "pages", "index.html")
    return _answer(content.replace(_NOTE, b"" if has_dashboard else _MISSING), "index.html")


def docs_asset(name: str) -> Response:
    """What the API page needs. Names are looked up in a list, never on the disk."""
    package = DOCS.get(name)
    if package is None:
        raise NotFound("there is no such file", code="file_not_found")
    folder = "pages" if package == "holdfast.web" else "static"
    return _answer(_read(package, folder, name), name, {"cache-control": "private, max-age=3600"})


def _answer(content: bytes, name: str, headers: dict[str, Any] | None = None) -> Response:
    policy = {"content-security-policy": PAGE_POLICY} if name.endswith(".html") else {}
    return Response(content, media_type=mimetypes.guess_type(name)[0], headers={**policy, **(headers or {})})
