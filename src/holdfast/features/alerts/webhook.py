"""Signed webhooks, as the Standard Webhooks specification has them (webhook-id, -timestamp, -signature).

`v1` = base64 of HMAC-SHA256 over `id.timestamp.body`; during a rotation there is one for each secret that counts, apart
by a space. The id is the delivery's and the same on every attempt: whoever has seen it has seen the message.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets as tokens
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from holdfast.features.alerts.outcome import Outcome
from holdfast.features.alerts.smtp import tls_context
from holdfast.features.alerts.text import line
from holdfast.kernel.errors import Invalid
from holdfast.kernel.outbound import OutboundPolicy, Refused, guarded_client

DEADLINE = 30.0
_PREFIX = "whsec_"
_LATER = frozenset({401, 403, 404, 407, 408, 409, 423, 425, 429})  # what an operator, or time, may put right


def new_secret() -> str:
    return _PREFIX + base64.b64encode(tokens.token_bytes(32)).decode()


def checked_secret(text: str) -> str:
    """A secret of 24 to 64 bytes in base64 after `whsec_`. Raises Invalid."""
    try:
        raw = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not text.startswith(_PREFIX) or not 24 <= len(raw) <= 64:
        raise Invalid(
            "a webhook secret reads whsec_ and 24 to 64 bytes in base64", code="secret_invalid", hint="Or leave it out."
        )
    return text


def signature(secret: str, message_id: str, moment: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    signed = hmac.new(key, f"{message_id}.{moment}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def body_of(payload: Mapping[str, Any]) -> bytes:
    """The same bytes for the same payload."""
    return json.dumps(payload, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode()


def send(
    payload: Mapping[str, Any],
    url: str,
    secrets: Sequence[str],
    policy: OutboundPolicy,
    now: datetime,
    *,
    ca: str | None = None,
    deadline: float = DEADLINE,
) -> Outcome:
    """One POST; no redirect is followed. Never raises for what the receiver or the network does."""
    body, moment = body_of(payload), int(now.timestamp())
    headers = {
        "Content-Type": "application/json",
        "Webhook-Id": str(payload["id"]),
        "Idempotency-Key": str(payload["id"]),
        "Webhook-Timestamp": str(moment),
        "Webhook-Signature": " ".join(signature(each, str(payload["id"]), moment, body) for each in secrets),
    }
    verify = tls_context(ca) if ca else None
    try:
        with guarded_client(
            policy, deadline=deadline, timeout=deadline, max_bytes=64 * 1024, max_redirects=0, verify=verify
        ) as client:
            answer = client.post(url, content=body, headers=headers)
    except Refused as refused:
        return Outcome.failed(refused.message, hint=refused.hint, again=False)
    except httpx.TimeoutException:
        return Outcome.failed(f"the receiver did not answer within {deadline:.0f} seconds")
    except (httpx.HTTPError, OSError) as error:
        return Outcome.failed(f"the receiver cannot be reached: {line(error, 300) or type(error).__name__}")
    return _judged(answer, now)


def _judged(answer: httpx.Response, now: datetime) -> Outcome:
    code, said = answer.status_code, line(answer.content[:2000].decode("utf-8", "replace"), 500)
    if 200 <= code < 300:
        return Outcome(True, code, said)
    if 300 <= code < 400:
        hint = "Give the address that it leads to: redirects are not followed."
        return Outcome(False, code, said, f"the receiver redirects ({code})", hint, again=False)
    again = code >= 500 or code in _LATER
    after = _asked(answer.headers.get("retry-after"), now) if again else None
    return Outcome(False, code, said, f"the receiver answered {code}", None, again, after)


def _asked(text: str | None, now: datetime) -> timedelta | None:
    """Retry-After (RFC 9110, 10.2.3): seconds or a date; what cannot be read was not said."""
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), 86400))
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    until = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    return until if timedelta(0) < until < timedelta(days=1) else None
