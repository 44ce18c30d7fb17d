"""Names that workers use in annotations."""

from __future__ import annotations

from typing import Any, TypedDict

from holdfast.runtime.python.workers.blobs import Blob
from holdfast.runtime.python.workers.forms import FormData
from holdfast.runtime.python.workers.streams import ReadableStream
from holdfast.runtime.python.workers.url import URLSearchParams

BlobValue = str | bytes | bytearray | memoryview | Blob
JSBody = str | bytes | FormData | Blob | URLSearchParams | ReadableStream | None


class RequestInitCfProperties(TypedDict, total=False):
    cacheEverything: bool
    cacheKey: str
    cacheTtl: int


class FetchKwargs(TypedDict, total=False):
    """Keyword arguments of `fetch` and `Request`. `timeout` (seconds) is ours."""

    method: str
    headers: Any
    body: JSBody
    redirect: str
    cf: RequestInitCfProperties
    signal: Any
    timeout: float
