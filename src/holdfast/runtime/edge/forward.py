"""Heads as they are passed on: to the worker without what is ours or another hop's, to the client without what a
worker may not say on a host it shares."""

from __future__ import annotations

from holdfast.runtime.edge.admission import Fields, sets_ours
from holdfast.runtime.edge.answers import REASONS
from holdfast.runtime.edge.heads import CHUNKED, Request, Response

# What holds for a whole host, and would hold for the other workers and for the control origin on it too.
_WHOLE_HOST = frozenset(
    {
        b"clear-site-data",
        b"service-worker-allowed",
        b"strict-transport-security",
        b"public-key-pins",
        b"origin-agent-cluster",
    }
)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def request_head(
    request: Request, target: bytes, *, client: bytes, proto: bytes, cookie: bytes, prefix: bytes
) -> bytes:
    """The request's head for the worker, but for its `ending`. `prefix`: the part of the path that named the worker, ""
    by host."""
    authority = request.authority
    lines = [b"%b %b HTTP/1.1\r\nhost: %b\r\n" % (request.method, target, authority)]
    lines += [b"%b: %b\r\n" % pair for pair in request.fields]
    if cookie:
        lines.append(b"cookie: %b\r\n" % cookie)
    if request.length == CHUNKED:
        lines.append(b"transfer-encoding: chunked\r\n")
    elif b"content-length" in request.named:
        lines.append(b"content-length: %d\r\n" % request.length)
    if request.upgrade:
        lines.append(b"connection: Upgrade\r\nupgrade: websocket\r\n")
    if prefix:
        lines.append(b"x-forwarded-prefix: %b\r\n" % prefix)
    lines.append(
        b"cf-connecting-ip: %b\r\nx-forwarded-for: %b\r\nx-forwarded-proto: %b\r\nx-forwarded-host: %b\r\n"
        % (client, client, proto, authority)
    )
    return b"".join(lines)


def ending(request_id: str) -> bytes:
    """The last lines of a head; what stands before them is the same for the same head."""
    return b"holdfast-request-id: %b\r\n\r\n" % request_id.encode()


def response_head(head: Response, *, cors: Fields | None, bare: bool, framing: bytes) -> bytes:
    """The answer's head for the client, but for its `ending`; `framing`: the lines that say how long it is and whether
    the line stays."""
    wanted = (framing, cors, bare)
    if head.written is None or head.written[0] != wanted:
        head.written = (wanted, _response_head(head, cors, bare=bare) + framing)
    return head.written[1]


def _response_head(head: Response, cors: Fields | None, *, bare: bool) -> bytes:
    lines = [b"HTTP/1.1 %d %b\r\n" % (head.status, REASONS.get(head.status, b""))]
    for name, value in head.fields:
        if name == b"set-cookie" and sets_ours(value):
            continue
        if bare and name in _WHOLE_HOST:
            continue
        if cors is not None and name.startswith(b"access-control-"):
            continue
        lines.append(b"%b: %b\r\n" % (name, value))
    if cors:
        lines += [b"%b: %b\r\n" % pair for pair in cors]
    return b"".join(lines)


def switching(head: Response) -> bytes:
    """101, as the worker said it."""
    framing = b"connection: Upgrade\r\nupgrade: websocket\r\n"
    return response_head(head, cors=None, bare=False, framing=framing)


def early_hints(head: Response) -> bytes:
    """103 (RFC 8297): links only."""
    links = [b"link: %b\r\n" % value for name, value in head.fields if name == b"link"]
    return b"".join([b"HTTP/1.1 103 Early Hints\r\n", *links, b"\r\n"])
