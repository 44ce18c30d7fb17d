"""Requests, answers, headers and blobs as values of calls between workers: whole, bodies and all."""

from __future__ import annotations

from typing import Any

from holdfast.runtime.bindings.values import DEPTH, Malformed, Parcel, Uncloneable
from holdfast.runtime.python.workers import Blob, File, Headers, Request, Response


async def packed(value: Any, depth: int = 0) -> Any:
    """`value` with parcels in place of the runtime's own types. Reading a body uses it up, as sending it does.

    Raises BodyUsedError; Uncloneable for an answer that is a WebSocket.
    """
    if isinstance(value, list) and depth < DEPTH:
        return [await packed(each, depth + 1) for each in value]
    if not isinstance(value, dict | Request | Response | Headers | Blob) or depth >= DEPTH:
        return value
    if isinstance(value, dict):
        return {name: await packed(each, depth + 1) for name, each in value.items()}
    if isinstance(value, Headers):
        return Parcel("headers", {"headers": _pairs(value)})
    if isinstance(value, Blob):
        name = value.name if isinstance(value, File) else None
        return Parcel("blob", {"data": await value.bytes(), "type": value.content_type, "name": name})
    return await _message(value)


async def _message(value: Request | Response) -> Parcel:
    body = None if value._data is None and value._stream is None and not value.body_used else await value.bytes()
    fields: dict[str, Any] = {"headers": _pairs(value.headers), "body": body}
    if isinstance(value, Request):
        return Parcel("request", {**fields, "method": str(value.method), "url": value.url})
    if value.web_socket is not None:
        raise Uncloneable(value.web_socket)
    return Parcel("response", {**fields, "status": value.status, "text": value.status_text})


def unpacked(parcel: Parcel) -> Any:
    """The object that was packed. Raises Malformed."""
    fields = parcel.fields
    try:
        if parcel.kind == "headers":
            return Headers(_tuples(fields))
        if parcel.kind == "blob":
            data, kind, name = bytes(fields["data"]), str(fields["type"]), fields["name"]
            return Blob([data], kind) if name is None else File([data], str(name), kind)
        body = None if fields["body"] is None else bytes(fields["body"])
        if parcel.kind == "request":
            method = str(fields["method"])
            request = Request(str(fields["url"]), method=method, headers=_tuples(fields))
            request._data = body
            return request
        if parcel.kind == "response":
            answer = Response(None, int(fields["status"]), str(fields["text"]), _tuples(fields))
            answer._data = body
            return answer
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed(f"a {parcel.kind[:20]} cannot be made of what came: {error}") from error
    raise Malformed(f"nobody knows a parcel of the kind {parcel.kind[:20]!r}")


def _pairs(headers: Headers) -> list[list[str]]:
    return [[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers.wire()]


def _tuples(fields: dict[str, Any]) -> list[tuple[str, str]]:
    return [(str(name), str(value)) for name, value in fields["headers"]]
