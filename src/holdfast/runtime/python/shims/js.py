"""`js`: JavaScript's globals as published Python workers use them."""

from typing import TYPE_CHECKING, Any

from holdfast.runtime.python.javascript import (
    JSON,
    Array,
    Date,
    Error,
    Math,
    Object,
    Promise,
    TextDecoder,
    TextEncoder,
    Uint8Array,
    atob,
    btoa,
    clearTimeout,
    console,
    crypto,
    decodeURIComponent,
    encodeURIComponent,
    performance,
    setTimeout,
    undefined,
)
from holdfast.runtime.python.workers import (
    URL,
    AbortController,
    AbortSignal,
    Blob,
    File,
    FormData,
    Headers,
    ReadableStream,
    Request,
    Response,
    URLSearchParams,
    WebSocketPair,
)
from holdfast.runtime.python.workers import fetch as _fetch
from holdfast.runtime.python.workers.client_socket import ClientWebSocket as WebSocket

if TYPE_CHECKING:
    from holdfast.runtime.python.rewriting import HTMLRewriter


async def fetch(resource: Any, options: Any = None, /, **named: Any) -> Response:
    """As JavaScript calls it: the options are one object in the second place, or keyword arguments."""
    return await _fetch(resource, **{**(options or {}), **named})


def __getattr__(name: str) -> Any:
    if name == "HTMLRewriter":  # imported when first named: most workers rewrite nothing
        from holdfast.runtime.python.rewriting import HTMLRewriter

        globals()[name] = HTMLRewriter
        return HTMLRewriter
    if name.startswith("__"):
        raise AttributeError(name)
    raise AttributeError(f"js.{name} is not there: workers run on CPython here, without a JavaScript engine")


__all__ = [
    "JSON",
    "URL",
    "AbortController",
    "AbortSignal",
    "Array",
    "Blob",
    "Date",
    "Error",
    "File",
    "FormData",
    "HTMLRewriter",
    "Headers",
    "Math",
    "Object",
    "Promise",
    "ReadableStream",
    "Request",
    "Response",
    "TextDecoder",
    "TextEncoder",
    "URLSearchParams",
    "Uint8Array",
    "WebSocket",
    "WebSocketPair",
    "atob",
    "btoa",
    "clearTimeout",
    "console",
    "crypto",
    "decodeURIComponent",
    "encodeURIComponent",
    "fetch",
    "performance",
    "setTimeout",
    "undefined",
]
