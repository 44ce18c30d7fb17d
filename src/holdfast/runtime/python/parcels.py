"""What calls between workers carry besides plain values: requests, answers, headers, blobs; functions, objects and
streams, which stay where they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdfast.runtime.bindings.values import DEPTH, Malformed, Parcel, Uncloneable
from holdfast.runtime.python.workers import Blob, File, Headers, ReadableStream, Request, Response
from holdfast.runtime.python.workers.messages import BodyUsedError
from holdfast.runtime.python.workers.rpc import passable, reference

Export = Callable[[Any], int]
"""Gives the number under which the other side may use a stub, or read a stream."""


async def packed(value: Any, export: Export, depth: int = 0) -> Any:
    """`value` with parcels in place of what is no plain value. A body or a stream is used up, as sending it does.

    Raises BodyUsedError; Uncloneable for an answer that is a WebSocket; what `export` raises.
    """
    if value is None or type(value) in (str, int, float, bool, bytes) or depth >= DEPTH:
        return value
    if isinstance(value, list):
        return [await packed(each, export, depth + 1) for each in value]
    if isinstance(value, dict):
        return {name: await packed(each, export, depth + 1) for name, each in value.items()}
    if isinstance(value, Headers):
        return Parcel("headers", {"headers": _pairs(value)})
    if isinstance(value, Blob):
        name = value.name if isinstance(value, File) else None
        return Parcel("blob", {"data": await value.bytes(), "type": value.content_type, "name": name})
    if isinstance(value, Request | Response):
        return _message(value, export)
    if isinstance(value, ReadableStream):
        return _stream(value, export)
    return Parcel("stub", {"id": export(reference(value))}) if passable(value) else value


def _stream(stream: ReadableStream, export: Export) -> Parcel:
    """The other side reads it: this one has it no more."""
    from holdfast.runtime.python.rpc.flows import Outflow

    return Parcel("stream", {"id": export(Outflow(stream.handed_over()))})


def _message(value: Request | Response, export: Export) -> Parcel:
    if value.body_used:
        raise BodyUsedError("the body was read before: pass it on unread, or clone() first")
    if isinstance(value, Response) and value.web_socket is not None:
        raise Uncloneable(value.web_socket)
    body = value._data if value._stream is None else _stream(value._stream, export)
    if body is not None:
        value._used = True
    fields: dict[str, Any] = {"headers": _pairs(value.headers), "body": body}
    if isinstance(value, Request):
        return Parcel("request", {**fields, "method": str(value.method), "url": value.url})
    return Parcel("response", {**fields, "status": value.status, "text": value.status_text})


def unpacked(parcel: Parcel) -> Any:
    """The object that was packed, where nothing is given that stays with the other side. Raises Malformed."""
    fields = parcel.fields
    try:
        if parcel.kind == "headers":
            return Headers(_tuples(fields))
        if parcel.kind == "blob":
            data, kind, name = bytes(fields["data"]), str(fields["type"]), fields["name"]
            return Blob([data], kind) if name is None else File([data], str(name), kind)
        if parcel.kind == "request":
            request = Request(str(fields["url"]), method=str(fields["method"]), headers=_tuples(fields))
            return _with_body(request, fields["body"])
        if parcel.kind == "response":
            answer = Response(None, int(fields["status"]), str(fields["text"]), _tuples(fields))
            return _with_body(answer, fields["body"])
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed(f"a {parcel.kind[:20]} cannot be made of what came: {error}") from error
    raise Malformed(f"nobody knows a parcel of the kind {parcel.kind[:20]!r}")


def _with_body(message: Request | Response, body: Any) -> Request | Response:
    if isinstance(body, ReadableStream):
        message._stream = body
    else:
        message._data = None if body is None else bytes(body)
    return message


def _pairs(headers: Headers) -> list[list[str]]:
    return [[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers.wire()]


def _tuples(fields: dict[str, Any]) -> list[tuple[str, str]]:
    return [(str(name), str(value)) for name, value in fields["headers"]]
