"""Request and Response as Cloudflare's Python SDK has them (workers-runtime-sdk 1.9), on native bytes and streams."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPMethod, HTTPStatus
from typing import Any

from holdfast.runtime.python.workers.aborting import AbortSignal
from holdfast.runtime.python.workers.blobs import Blob
from holdfast.runtime.python.workers.forms import FormData, encode_multipart, parse_form
from holdfast.runtime.python.workers.headers import Headers
from holdfast.runtime.python.workers.streams import ReadableStream
from holdfast.runtime.python.workers.url import URL, URLSearchParams

_REDIRECTS = (301, 302, 303, 307, 308)
_EMPTY = (101, 204, 205, 304)
_METHODS = {method.value: method for method in HTTPMethod}


Bytes = bytes  # inside Body the name is taken by its method


class BodyUsedError(OSError):
    """A body was read twice. Nothing to retry: read it once, or `clone()` before the first reading."""


class Body:
    """What requests and answers share: a body that is read once, whole or as a stream."""

    headers: Headers
    _data: Bytes | None
    _stream: ReadableStream | None
    _used: bool

    @property
    def body_used(self) -> bool:
        return self._used

    bodyUsed = body_used  # noqa: N815 - as published

    @property
    def body(self) -> ReadableStream | None:
        """The body as a stream, None where there is none. What reads it uses it up."""
        if self._stream is None and self._data is not None:
            self._stream = ReadableStream.of(self._data)
            self._data = None
        return self._stream

    async def bytes(self) -> Bytes:
        """The whole body. Raises BodyUsedError when it was read before."""
        if self._used:
            raise BodyUsedError("the body was read before: read it once, or clone() first")
        self._used = True
        if self._data is not None:
            return self._data
        return b"" if self._stream is None else await self._stream.read_all()

    buffer = arrayBuffer = bytes  # noqa: N815 - as published

    async def text(self) -> str:
        return (await self.bytes()).decode(errors="replace")

    async def json(self, **options: Any) -> Any:
        return json.loads(await self.bytes(), **options)

    async def blob(self) -> Blob:
        kind = self.headers.get("content-type", "")
        return Blob([await self.bytes()], content_type=kind)

    async def form_data(self) -> FormData:
        """The form in the body. Raises ValueError when the content type or the body is no form."""
        kind = self.headers.get("content-type", "")
        return parse_form(await self.bytes(), kind)

    formData = form_data  # noqa: N815 - as published

    def _take(self, body: Any) -> None:
        """Set the body and the content type that goes with it, unless one was given."""
        self._data, self._stream, self._used = None, None, False
        kind = None
        if body is None:
            return
        if isinstance(body, str):
            self._data, kind = body.encode(), "text/plain; charset=utf-8"
        elif isinstance(body, bytes | bytearray | memoryview):
            self._data = bytes(body)
        elif isinstance(body, FormData):
            self._data, kind = encode_multipart(body)
        elif isinstance(body, URLSearchParams):
            self._data, kind = str(body).encode(), "application/x-www-form-urlencoded;charset=UTF-8"
        elif isinstance(body, Blob):
            self._data, kind = bytes(body), body.content_type or None
        elif isinstance(body, Mapping) or not (hasattr(body, "__iter__") or hasattr(body, "__aiter__")):
            raise TypeError(
                f"a body is text, bytes, a form, a Blob, a stream or None, not {type(body).__name__}; "
                "for JSON use Response.json(...) or json.dumps"
            )
        else:
            self._stream = ReadableStream.of(body)
        if kind is not None:
            self.headers.default("content-type", kind)

    def _split(self) -> tuple[Bytes | None, ReadableStream | None]:
        """A second copy of the body, for clone(). Raises BodyUsedError when it was read."""
        if self._used:
            raise BodyUsedError("the body was read before and cannot be cloned")
        if self._stream is None:
            return self._data, None
        self._stream, copy = self._stream.tee()
        return None, copy


class Request(Body):
    """A request: `Request(url, method="POST", headers={...}, body=...)`, or a copy of another with changes."""

    def __init__(self, input: Any, **init: Any) -> None:
        source = input if isinstance(input, Request) else None
        self._url = source.url if source is not None else str(URL(str(input)))
        self._method = str(init.get("method") or (source.method if source is not None else "GET")).upper()
        given = init.get("headers")
        self.headers = Headers(given if given is not None else source.headers if source is not None else None)
        self.redirect: str = str(init.get("redirect") or (source.redirect if source is not None else "follow"))
        self.cf: Any = init.get("cf", source.cf if source is not None else None)
        self.signal: AbortSignal | None = init.get("signal", source.signal if source is not None else None)
        if self.signal is not None and not isinstance(self.signal, AbortSignal):
            raise TypeError(f"signal is an AbortSignal, not {type(self.signal).__name__}")
        self._take(init.get("body"))
        if source is not None and init.get("body") is None:
            self._data, self._stream = source._data, source._stream
            source._used = True
        if self._method in ("GET", "HEAD") and init.get("body") is not None:
            raise TypeError(f"a request with method {self._method} has no body")

    @classmethod
    def new(cls, input: Any, init: Any = None, **options: Any) -> Request:
        """As `js.Request.new(url, {...})`."""
        return cls(input, **{**(init or {}), **options})

    @classmethod
    def from_wire(cls, method: str, url: str, headers: Headers, body: ReadableStream | None) -> Request:
        request = cls.__new__(cls)
        request._method, request._url, request.headers = method, url, headers
        request.redirect, request.cf, request.signal = "manual", None, None
        request._data, request._stream, request._used = None, body, False
        return request

    @property
    def method(self) -> HTTPMethod | str:
        return _METHODS.get(self._method, self._method)

    @property
    def url(self) -> str:
        return self._url

    @property
    def js_object(self) -> Request:
        """Itself: there is no JavaScript object behind it."""
        return self

    def clone(self) -> Request:
        data, stream = self._split()
        twin = Request(self._url, method=self._method, headers=self.headers, redirect=self.redirect, cf=self.cf)
        twin.signal = self.signal
        twin._data, twin._stream = data, stream
        return twin

    def __repr__(self) -> str:
        return f"Request(method={self._method!r}, url={self._url!r})"


class Response(Body):
    """An answer: `Response("text", status=201, headers={...})`. An async generator as the body streams."""

    def __init__(
        self,
        body: Any = None,
        status: int | HTTPStatus | None = None,
        status_text: str = "",
        headers: Any = None,
        web_socket: Any = None,
        **options: Any,
    ) -> None:
        if isinstance(body, Response):
            status = body.status if status is None else status
            headers = body.headers if headers is None else headers
            status_text, web_socket, body = status_text or body.status_text, web_socket or body.web_socket, body.body
        self.status: int = 200 if status is None else int(status)
        if not (self.status == 101 or 200 <= self.status <= 599):
            raise ValueError(f"an answer's status is 101 or 200 to 599, not {self.status}")
        self.status_text: str = status_text or options.get("statusText", "")
        self.headers = Headers(headers)
        self.web_socket: Any = web_socket if web_socket is not None else options.get("webSocket")
        self.url = ""
        self.redirected = False
        if body is not None and self.status in _EMPTY:
            if body not in ("", b""):
                raise TypeError(f"an answer with status {self.status} has no body")
            body = None
        self._take(body)

    @classmethod
    def new(cls, body: Any = None, init: Any = None, **options: Any) -> Response:
        """As `js.Response.new(body, {status, headers})`."""
        given = {**(init or {}), **options}
        if "statusText" in given:
            given["status_text"] = given.pop("statusText")
        if "webSocket" in given:
            given["web_socket"] = given.pop("webSocket")
        return cls(body, **given)

    @staticmethod
    def from_json(
        data: Any, status: int | HTTPStatus | None = 200, status_text: str = "", headers: Any = None
    ) -> Response:
        answer = Response(json.dumps(data), status=status, status_text=status_text, headers=headers)
        if headers is None or not Headers(headers).has("content-type"):
            answer.headers.set("content-type", "application/json; charset=utf-8")
        return answer

    @staticmethod
    def redirect(url: str, status: int | HTTPStatus = 302) -> Response:
        """Raises ValueError for a status that does not redirect or an address that cannot be one."""
        if int(status) not in _REDIRECTS:
            raise ValueError(f"{int(status)} is no status of a redirect")
        return Response(None, status=status, headers={"location": str(URL(str(url)))})

    async def string(self) -> str:
        """`text`, by the name that `pyodide.http` has for it."""
        return await self.text()

    @property
    def ok(self) -> bool:
        return 200 <= self.status <= 299

    @property
    def statusText(self) -> str:  # noqa: N802 - as published
        return self.status_text

    @property
    def webSocket(self) -> Any:  # noqa: N802 - as published
        return self.web_socket

    @property
    def js_object(self) -> Response:
        """Itself: there is no JavaScript object behind it."""
        return self

    def replace_body(self, body: Any) -> Response:
        """The same answer with another body."""
        return Response(body, status=self.status, status_text=self.status_text, headers=self.headers)

    def clone(self) -> Response:
        data, stream = self._split()
        twin = Response(None, status=self.status, status_text=self.status_text, headers=self.headers)
        twin._data, twin._stream, twin.url, twin.redirected = data, stream, self.url, self.redirected
        return twin

    def __repr__(self) -> str:
        return f"Response(status={self.status})"


class _Json:
    """`Response.json(data)` makes an answer, `await response.json()` reads one: the SDK has both under one name."""

    def __get__(self, instance: Response | None, owner: type[Response]) -> Any:
        if instance is None:
            return owner.from_json
        return Body.json.__get__(instance, owner)


Response.json = _Json()  # type: ignore[method-assign,assignment]
FetchResponse = Response
