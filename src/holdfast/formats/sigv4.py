"""AWS Signature Version 4 in the Authorization header, as S3 reads it (AWS: "Authenticating Requests, header-based").

S3 differs from other services: the path is encoded once and never shortened.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

EMPTY = hashlib.sha256(b"").hexdigest()
_ALGORITHM = "AWS4-HMAC-SHA256"


def encoded_path(path: str) -> str:
    """A key's path as it is sent and signed."""
    return quote(path, safe="/-_.~")


def encoded_query(query: Sequence[tuple[str, str]]) -> str:
    """Sorted, as it is signed; sending it like that is allowed and saves a second form."""
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in query)
    return "&".join(f"{name}={value}" for name, value in pairs)


def signed(
    method: str,
    host: str,
    path: str,
    query: Sequence[tuple[str, str]],
    headers: Mapping[str, str],
    *,
    key_id: str,
    secret: str,
    region: str,
    now: datetime,
    token: str | None = None,
    payload: str = EMPTY,
    service: str = "s3",
) -> dict[str, str]:
    """`headers` with those that sign the request. `host` as the Host header has it, `payload` the body's SHA-256 in
    hexadecimal, `path` not yet encoded."""
    moment = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    more = {"x-amz-date": moment, "x-amz-content-sha256": payload}
    if token:
        more["x-amz-security-token"] = token
    sent = {**headers, **more}
    canonical = {"host": host, **{name.lower(): " ".join(value.split()) for name, value in sent.items()}}
    names = ";".join(sorted(canonical))
    lines = "".join(f"{name}:{canonical[name]}\n" for name in sorted(canonical))
    request = "\n".join((method, encoded_path(path), encoded_query(query), lines, names, payload))
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    text = "\n".join((_ALGORITHM, moment, scope, hashlib.sha256(request.encode()).hexdigest()))
    signature = _keyed(_signing_key(secret, moment[:8], region, service), text).hex()
    sent["Authorization"] = f"{_ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return sent


def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = _keyed(key, part)
    return key


def _keyed(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
