"""The token with which a service account speaks for itself: a JWT signed with its key (RFC 7515, RS256; AIP-4111)."""

from __future__ import annotations

import base64
import json
from datetime import datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

SECONDS = 3600  # the longest that is accepted


def signed(key: RSAPrivateKey, key_id: str, email: str, scope: str, now: datetime) -> str:
    """Good for an hour from `now`."""
    moment = int(now.timestamp())
    claims = {"iss": email, "sub": email, "scope": scope, "iat": moment, "exp": moment + SECONDS}
    said = f"{_part({'alg': 'RS256', 'typ': 'JWT', 'kid': key_id})}.{_part(claims)}"
    return f"{said}.{_text(key.sign(said.encode('ascii'), PKCS1v15(), hashes.SHA256()))}"


def _part(fields: dict[str, object]) -> str:
    return _text(json.dumps(fields, separators=(",", ":")).encode())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
