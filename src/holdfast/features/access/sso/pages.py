"""The two pages a browser sees on its way back from a provider.

The session's cookie is SameSite=Strict, and the browser comes from another site: a redirect to `/` would go out
without the new cookie, because the whole chain counts as the other site's doing. So the way back ends on a page of
ours, which leads on by itself; that step is our own page's, and takes the cookie along. It also leaves the address
with the provider's code behind.
"""

from __future__ import annotations

from html import escape

from starlette.responses import HTMLResponse, Response

from holdfast.kernel.errors import HoldfastError
from holdfast.web.guards import PAGE_POLICY

_HEADERS = {"content-security-policy": PAGE_POLICY}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Holdfast</title>
{onward}<link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/page.css">
</head>
<body>
<main>
<h1><img src="/assets/icon.svg" alt="" width="32" height="32"> Holdfast</h1>
{words}
<p><a class="button" href="/">{leads}</a></p>
</main>
</body>
</html>
"""


def arrived(words: str) -> Response:
    """Goes on to `/` by itself, without a script."""
    onward = '<meta http-equiv="refresh" content="0; url=/">\n'
    return HTMLResponse(_PAGE.format(onward=onward, words=f"<p>{escape(words)}</p>", leads="Go on"), headers=_HEADERS)


def refused(error: HoldfastError) -> Response:
    """What went wrong and what to do. Nothing of the provider's own text is on it."""
    said = [error.message, error.hint]
    words = "\n".join(f"<p>{escape(_sentence(each))}</p>" for each in said if each)
    page = _PAGE.format(onward="", words=words, leads="Back to the sign-in page")
    return HTMLResponse(page, error.status, _HEADERS)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
