"""The head of a request and of an answer (RFC 9112), parsed by httptools and refused where it can mean two things.

A parser sees one head and nothing else: what follows is framed here, so no byte of a body is ever taken for a request.
"""

from __future__ import annotations

import re

import httptools

from holdfast.runtime.edge.limits import Limits

CHUNKED = -1
UNTIL_END = -2
# What the client says about itself or about other hops: we say it anew, or not at all.
_DROP, _ONCE, _LIST, _ONCE_KEPT, _SEEN = 1, 2, 3, 4, 5
_DROPPED = (
    *(b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer"),
    *(b"forwarded", b"x-real-ip", b"true-client-ip", b"x-original-url", b"x-rewrite-url", b"x-request-id", b"alt-used"),
    *(b"http2-settings", b"x-http-method-override", b"x-forwarded"),
)
_ACTS: dict[bytes, int] = {
    **dict.fromkeys(_DROPPED, _DROP),
    **dict.fromkeys((b"host", b"content-length", b"transfer-encoding", b"expect", b"holdfast-version"), _ONCE),
    **dict.fromkeys((b"connection", b"upgrade", b"cookie"), _LIST),
    **dict.fromkeys((b"origin", b"authorization", b"x-api-key", b"access-control-request-method"), _ONCE_KEPT),
    b"accept": _SEEN,
}
_OURS = (b"holdfast-", b"x-forwarded-", b"cf-")
_SEPARATOR = {b"cookie": b"; "}
_AUTHORITY = re.compile(rb"([A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?")
_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?#]*)([/?].*)?")
_ODD_TARGET = re.compile(rb"[^!-~]|#")
_PLAIN_CONNECTION = (b"keep-alive", b"Keep-Alive", b"close")
_ODD_END = re.compile(rb"[^\r]\n|\n[^\r]?\n|\x00")


class BadHead(ValueError):
    """This message is not passed on. `status` is for who sent it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Request:
    """What a request's head says. `length` of the body: a number, or CHUNKED. `target` is in origin form."""

    __slots__ = (
        "authority",
        "count",
        "expects",
        "fields",
        "host",
        "http11",
        "keep_alive",
        "length",
        "method",
        "named",
        "target",
        "twice",
        "upgrade",
        "url",
    )

    def __init__(self) -> None:
        self.fields: list[tuple[bytes, bytes]] = []  # that go on to the worker
        self.named: dict[bytes, bytes] = {}  # that mean something to us
        self.count = 0
        self.url = self.method = self.target = self.host = self.authority = b""
        self.twice: bytes | None = None
        self.http11 = self.keep_alive = True
        self.expects = self.upgrade = False
        self.length = 0

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.count += 1
        name = name.lower()
        act = _ACTS.get(name)
        if act is None:
            if name.startswith(_OURS):
                self.named[name] = value  # counts from our own front alone
                return
            if b"_" in name and _means_ours(name):
                return
            self.fields.append((name, value))
            return
        if act == _DROP:
            return
        if value[-1:] in b" \t":  # llhttp takes away only what stands before
            value = value.rstrip(b" \t")
        if act == _SEEN:
            self.named[name] = value
            self.fields.append((name, value))
            return
        if name in self.named:
            if act != _LIST:
                self.twice = name
                return
            value = self.named[name] + _SEPARATOR.get(name, b", ") + value
        self.named[name] = value
        if act == _ONCE_KEPT:
            self.fields.append((name, value))


class Response:
    """What an answer's head says. `length`: a number, CHUNKED or UNTIL_END."""

    __slots__ = ("count", "fields", "keep_alive", "length", "named", "status", "twice", "written")

    def __init__(self) -> None:
        self.fields: list[tuple[bytes, bytes]] = []
        self.named: dict[bytes, bytes] = {}
        self.count = self.status = 0
        self.twice = False
        self.written: tuple[object, bytes] | None = None  # as it was passed on last, and for whom
        self.keep_alive = True
        self.length = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self.count += 1
        name = name.lower()
        act = _ANSWER_ACTS.get(name)
        if act is None:
            if not name.startswith(b"holdfast-"):
                self.fields.append((name, value))
        elif act == _ONCE:
            self.twice = self.twice or name in self.named
            self.named[name] = value.rstrip(b" \t")
        elif act == _LIST:
            self.named[name] = self.named[name] + b", " + value if name in self.named else value


_ANSWER_ACTS: dict[bytes, int] = {
    **dict.fromkeys((b"content-length", b"transfer-encoding"), _ONCE),
    **dict.fromkeys((b"connection", b"upgrade"), _LIST),
    **dict.fromkeys((b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"te", b"trailer", b"alt-svc"), _DROP),
}


def read_request(head: bytes, limits: Limits) -> Request:
    """`head` ends with its empty line. Raises BadHead."""
    it = Request()
    parser = httptools.HttpRequestParser(it)
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        pass  # what it upgrades to is decided below
    except httptools.HttpParserInvalidMethodError:
        raise BadHead(501, "method_unknown", "this method is not known here") from None
    except httptools.HttpParserError as error:
        raise BadHead(400, "request_malformed", "this request cannot be read") from error
    it.method = parser.get_method()
    if it.count > limits.head_fields:
        raise BadHead(431, "head_too_large", f"a request has at most {limits.head_fields} header fields")
    if it.twice is not None:
        raise BadHead(400, "header_twice", f"the header {it.twice.decode('latin-1')} is there twice")
    version = parser.get_http_version()
    if version == "1.0":
        it.http11 = it.keep_alive = False
    elif version != "1.1":
        raise BadHead(505, "version_unsupported", "this server speaks HTTP/1.1")
    _aim(it)
    _frame(it)
    named = it.named
    if b"connection" in named:
        _connection(it, named[b"connection"])
    if b"expect" in named and it.http11:
        if named[b"expect"].lower() != b"100-continue":
            raise BadHead(417, "expectation_unknown", "this expectation is not met here")
        it.expects = it.length != 0
    return it


def cannot_end_well(part: bytes) -> bool:
    """Whether a head that is not complete yet is none already: it would be waited for in vain."""
    return _ODD_END.search(part) is not None


def _aim(it: Request) -> None:
    """Who is asked, for what. One host only: what is in the target and in `Host` must agree."""
    if it.method in (b"CONNECT", b"TRACE"):
        raise BadHead(405, "method_refused", "this method is not answered here")
    given = it.named.get(b"host")
    if given is None:
        raise BadHead(400, "host_missing", "a request names its host")
    url = it.url
    if url[:1] != b"/":
        match = _ABSOLUTE.fullmatch(url)
        if match is None:
            raise BadHead(400, "target_malformed", "the target of this request cannot be read")
        if match[1].lower() != given.lower():
            raise BadHead(400, "host_conflict", "the target and the Host header name different hosts")
        rest = match[2] or b"/"
        url = rest if rest[:1] == b"/" else b"/" + rest
    if _ODD_TARGET.search(url):
        raise BadHead(400, "target_malformed", "the target of this request has characters that belong encoded")
    match = _AUTHORITY.fullmatch(given)
    if match is None or (match[2] is not None and int(match[2]) > 65535):
        raise BadHead(400, "host_malformed", "the Host header cannot be read")
    it.target, it.host, it.authority = url, match[1].lower(), given


def _frame(it: Request) -> None:
    """How long the body is: said once, in one way."""
    named = it.named
    coding = named.get(b"transfer-encoding")
    length = named.get(b"content-length")
    if coding is not None:
        if length is not None or not it.http11:
            raise BadHead(400, "framing_ambiguous", "the length of this request can be read in two ways")
        if coding.lower() != b"chunked":
            raise BadHead(501, "coding_unknown", "this transfer coding is not read here")
        it.length = CHUNKED
    elif length is not None:
        it.length = _number(length)
        if it.length < 0:
            raise BadHead(400, "framing_ambiguous", "the length of this request cannot be read")


def _connection(it: Request, value: bytes) -> None:
    """What concerns this hop only; fields named there go no further (RFC 9110, 7.6.1)."""
    if value in _PLAIN_CONNECTION:
        it.keep_alive = it.keep_alive and value != b"close"
        return
    tokens = {token.strip() for token in value.lower().split(b",")}
    if b"close" in tokens:
        it.keep_alive = False
    it.fields = [pair for pair in it.fields if pair[0] not in tokens]
    if b"cookie" in tokens:
        it.named.pop(b"cookie", None)
    wanted = {token.strip() for token in it.named.get(b"upgrade", b"").lower().split(b",")}
    it.upgrade = (
        b"upgrade" in tokens and b"websocket" in wanted and it.http11 and it.method == b"GET" and it.length == 0
    )


def read_response(head: bytes, limits: Limits) -> Response:
    """`head` ends with its empty line. Raises BadHead; its words are for our log."""
    it = Response()
    parser = httptools.HttpResponseParser(it)
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError as error:
        raise BadHead(502, "answer_malformed", f"the worker's answer cannot be read: {error}") from None
    it.status = parser.get_status_code()
    version = parser.get_http_version()
    named = it.named
    if it.count > limits.answer_head_fields or it.twice or version not in ("1.0", "1.1") or it.status < 100:
        raise BadHead(502, "answer_malformed", "the head of the worker's answer is none we pass on")
    coding, length = named.get(b"transfer-encoding"), named.get(b"content-length")
    if coding is not None:
        if length is not None or coding.lower() != b"chunked" or version != "1.1":
            raise BadHead(502, "answer_malformed", "the length of the worker's answer can be read in two ways")
        it.length = CHUNKED
    elif length is None:
        it.length = UNTIL_END
    else:
        it.length = _number(length)
        if it.length < 0:
            raise BadHead(502, "answer_malformed", "the length of the worker's answer cannot be read")
    _settle(it, version)
    return it


def _settle(it: Response, version: str) -> None:
    connection = it.named.get(b"connection")
    if version == "1.0":
        it.keep_alive = False
    if connection is not None:
        tokens = {token.strip() for token in connection.lower().split(b",")}
        if b"close" in tokens:
            it.keep_alive = False
        if tokens - {b"keep-alive", b"close", b"upgrade"}:
            it.fields = [pair for pair in it.fields if pair[0] not in tokens]


def _number(text: bytes) -> int:
    """-1 for what is no plain number."""
    return int(text) if text.isdigit() and len(text) <= 18 else -1


def _means_ours(name: bytes) -> bool:
    """CGI's and WSGI's names have no hyphens: there `x_forwarded_for` would be taken for ours."""
    plain = name.replace(b"_", b"-")
    return plain in _ACTS or plain.startswith(_OURS)
