"""What the edge answers itself: words for a person or a program, the request's id, and nothing from inside."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from http import HTTPStatus

REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_SAFE = b"cache-control: no-store\r\nx-content-type-options: nosniff\r\nreferrer-policy: no-referrer\r\n"
_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<title>{status} {phrase}</title></head><body><h1>{message}</h1><p>{hint}</p><p>Request <code>{id}</code></p>"
    "</body></html>\n"
)


@dataclass(frozen=True)
class Refusal:
    """Why the edge answers instead of a worker. `status` 204 is the answer to a preflight: no body."""

    status: int
    code: str = ""
    message: str = ""
    hint: str = ""
    fields: tuple[tuple[bytes, bytes], ...] = ()


NOBODY = Refusal(
    404,
    "host_unknown",
    "There is nothing here.",
    "No worker has this host or path. It may be misspelt, or not deployed yet.",
)
DISABLED = Refusal(503, "worker_disabled", "This worker is switched off.", "Whoever runs it can switch it on again.")
NO_VERSION = Refusal(
    503,
    "no_version",
    "No version of this worker takes requests here.",
    "Deploy one, or give one weight. Where there are several nodes, ask the one that has its code.",
)
UNKNOWN_VERSION = Refusal(404, "version_unknown", "This worker has no such version.", "Leave holdfast-version away.")
KEY_MISSING = Refusal(
    401,
    "key_required",
    "This worker asks for an API key.",
    "Send it as `Authorization: Bearer KEY` or as `x-api-key: KEY`.",
    ((b"www-authenticate", b"Bearer"),),
)
ORIGIN_REFUSED = Refusal(
    403,
    "origin_refused",
    "This origin may not call this worker.",
    "Its owner lists the origins that may.",
    ((b"vary", b"origin"),),
)
RATE_LIMITED = Refusal(
    429, "rate_limited", "This worker is asked more often than it may be.", "`retry-after` says when to come back."
)
TOO_LARGE = Refusal(413, "body_too_large", "The body of this request is too large for this worker.")
BODY_MALFORMED = Refusal(400, "body_malformed", "The body of this request cannot be read.")
TOO_SLOW = Refusal(408, "request_slow", "This request took too long to arrive.", "Send it again.")
FAILED = Refusal(
    502,
    "worker_failed",
    "The worker ended before it answered.",
    "Its log says why; the request's id is there. The request was perhaps carried out.",
)
MALFORMED = Refusal(
    502, "answer_malformed", "The worker answered what is no HTTP answer.", "Its log has the request's id."
)
BUSY = Refusal(
    503, "worker_busy", "The worker has as much to do as it can.", "Try again shortly.", ((b"retry-after", b"1"),)
)
AWAY = Refusal(
    503, "worker_away", "The worker cannot be reached just now.", "Try again shortly.", ((b"retry-after", b"2"),)
)
TIMEOUT = Refusal(
    504, "worker_timeout", "The worker did not answer in time.", "Its log has the request's id, and what it last did."
)


def render(refusal: Refusal, request_id: str, accept: bytes, *, head_only: bool, close: bool) -> bytes:
    """A whole answer. HTML where a browser asks for it."""
    body, kind = b"", b""
    if refusal.status != HTTPStatus.NO_CONTENT:
        body, kind = _body(refusal, request_id, b"text/html" in accept)
    lines = [b"HTTP/1.1 %d %b\r\n" % (refusal.status, REASONS.get(refusal.status, b"")), _SAFE]
    lines += [b"%b: %b\r\n" % pair for pair in refusal.fields]
    if kind:
        lines.append(b"content-type: %b\r\ncontent-length: %d\r\n" % (kind, len(body)))
    if close:
        lines.append(b"connection: close\r\n")
    lines.append(b"holdfast-request-id: %b\r\n\r\n" % request_id.encode())
    return b"".join(lines) + (b"" if head_only else body)


def _body(refusal: Refusal, request_id: str, page: bool) -> tuple[bytes, bytes]:
    if page:
        words = {"message": html.escape(refusal.message), "hint": html.escape(refusal.hint), "id": request_id}
        phrase = REASONS.get(refusal.status, b"").decode()
        return _PAGE.format(status=refusal.status, phrase=phrase, **words).encode(), b"text/html; charset=utf-8"
    error = {"code": refusal.code, "message": refusal.message, "hint": refusal.hint or None, "request_id": request_id}
    return json.dumps({"error": error}).encode() + b"\n", b"application/json"
