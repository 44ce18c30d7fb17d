"""Azure Storage's Shared Key in the Authorization header (Microsoft: "Authorize with Shared Key", Blob service)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

VERSION = "2023-11-03"
_STANDARD = 11  # Content-Encoding to Range: empty lines for what a request without a body and a condition does not say


def signed(
    method: str,
    account: str,
    key: str,
    path: str,
    query: Sequence[tuple[str, str]],
    headers: Mapping[str, str],
    now: datetime,
) -> dict[str, str]:
    """`headers` (only `x-ms-` ones) with those that sign a request without a body. `key` in base64, `path` as it is in
    the URL. Raises ValueError for a key that is not base64."""
    moment = now.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    sent = {**headers, "x-ms-date": moment, "x-ms-version": VERSION}
    lines = "".join(f"{name}:{sent[name]}\n" for name in sorted(sent))
    asked = "".join(f"\n{name}:{value}" for name, value in sorted(query))
    text = method + "\n" * (_STANDARD + 1) + lines + f"/{account}{path}{asked}"
    mac = hmac.new(base64.b64decode(key, validate=True), text.encode(), hashlib.sha256).digest()
    return sent | {"Authorization": f"SharedKey {account}:{base64.b64encode(mac).decode('ascii')}"}
