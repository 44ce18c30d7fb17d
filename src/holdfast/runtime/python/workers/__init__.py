"""Cloudflare's Python Workers API on CPython: what a worker imports as `workers`.

The surface is that of workers-runtime-sdk 1.9 (see docs/workers/python.md for what differs). There is no JavaScript
behind it: values are Python's own, and what JavaScript calls `js_object` is the object itself.
"""

from holdfast.runtime.python.workers.aborting import AbortController, AbortError, AbortSignal
from holdfast.runtime.python.workers.blobs import Blob, BlobEnding, File
from holdfast.runtime.python.workers.context import Context, Env, env, patch_env, wait_until, waitUntil
from holdfast.runtime.python.workers.entrypoints import (
    DurableObject,
    WorkerEntrypoint,
    WorkflowEntrypoint,
    handler,
    import_from_javascript,
    python_from_rpc,
    python_to_rpc,
)
from holdfast.runtime.python.workers.fetching import fetch
from holdfast.runtime.python.workers.forms import FormData, FormDataValue
from holdfast.runtime.python.workers.headers import Headers
from holdfast.runtime.python.workers.line import FetchError
from holdfast.runtime.python.workers.messages import Body, BodyUsedError, FetchResponse, Request, Response
from holdfast.runtime.python.workers.rpc import RpcStub, RpcTarget
from holdfast.runtime.python.workers.sockets import WebSocket, WebSocketPair
from holdfast.runtime.python.workers.streams import ReadableStream
from holdfast.runtime.python.workers.typing import BlobValue, FetchKwargs, JSBody, RequestInitCfProperties
from holdfast.runtime.python.workers.url import URL, URLSearchParams

__all__ = [
    "URL",
    "AbortController",
    "AbortError",
    "AbortSignal",
    "Blob",
    "BlobEnding",
    "BlobValue",
    "Body",
    "BodyUsedError",
    "Context",
    "DurableObject",
    "Env",
    "FetchError",
    "FetchKwargs",
    "FetchResponse",
    "File",
    "FormData",
    "FormDataValue",
    "Headers",
    "JSBody",
    "ReadableStream",
    "Request",
    "RequestInitCfProperties",
    "Response",
    "RpcStub",
    "RpcTarget",
    "URLSearchParams",
    "WebSocket",
    "WebSocketPair",
    "WorkerEntrypoint",
    "WorkflowEntrypoint",
    "env",
    "fetch",
    "handler",
    "import_from_javascript",
    "patch_env",
    "python_from_rpc",
    "python_to_rpc",
    "waitUntil",
    "wait_until",
]
