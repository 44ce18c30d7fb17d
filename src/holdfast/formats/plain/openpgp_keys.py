"""What an armored OpenPGP public key says of itself: fingerprint and names (RFC 4880, RFC 9580; 4.2, 5.5.2, 6.2, 12.2).

Only read, never trusted: gpg judges a key when it seals to it. Secret keys are refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

_BEGIN, _END = "-----BEGIN PGP PUBLIC KEY BLOCK-----", "-----END PGP PUBLIC KEY BLOCK-----"
_SECRET = "-----BEGIN PGP PRIVATE KEY BLOCK-----"  # noqa: S105 - how such a file begins
_KEY, _SUBKEY, _NAME = 6, 14, 13
_ENCRYPTS = frozenset({1, 2, 16, 18, 25, 26})  # RSA, Elgamal, ECDH, X25519, X448
MOST = 20_000


@dataclass(frozen=True)
class PublicKey:
    """`fingerprint`: in capitals without spaces. `names`: the user ids, as they are in it."""

    fingerprint: str
    names: tuple[str, ...]


def public_key(armored: str) -> PublicKey:
    """Raises ValueError, which says what is wrong."""
    if _SECRET in armored:
        raise ValueError("this is a private key: give the public one (gpg --armor --export)")
    packets = list(_packets(_unarmored(armored)))
    keys = [body for tag, body in packets if tag == _KEY]
    if len(keys) != 1 or packets[0][0] != _KEY:
        raise ValueError("there is to be exactly one public key in it")
    if not any(tag in (_KEY, _SUBKEY) and _algorithm(body) in _ENCRYPTS for tag, body in packets):
        raise ValueError("this key only signs: nothing can be encrypted to it")
    names = tuple(body.decode("utf-8", "replace")[:200] for tag, body in packets if tag == _NAME)
    return PublicKey(_fingerprint(keys[0]), names)


def _unarmored(text: str) -> bytes:
    lines = [line.strip() for line in text.strip().splitlines()]
    if len(text) > MOST or not lines or lines[0] != _BEGIN or lines[-1] != _END:
        raise ValueError("an OpenPGP key is an armored public key (gpg --armor --export KEY)")
    inner = lines[1:-1]
    blank = inner.index("") if "" in inner else -1  # headers, when there are any, end with an empty line
    body = [line for line in inner[blank + 1 :] if line and not line.startswith("=")]
    try:
        return base64.b64decode("".join(body), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the key's armor is damaged") from None


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(tag, body). Lengths in parts do not occur in keys."""
    at = 0
    while at < len(data):
        first = data[at]
        if not first & 0x80:
            raise ValueError("the key is damaged")
        if first & 0x40:
            tag, (size, at) = first & 0x3F, _new_length(data, at + 1)
        else:
            tag, width = (first >> 2) & 0x0F, 1 << (first & 3)
            if width > 4:
                raise ValueError("the key is damaged")
            size, at = int.from_bytes(data[at + 1 : at + 1 + width], "big"), at + 1 + width
        if at + size > len(data):
            raise ValueError("the key is cut off")
        yield tag, data[at : at + size]
        at += size


def _new_length(data: bytes, at: int) -> tuple[int, int]:
    first = data[at] if at < len(data) else 255
    if first < 192:
        return first, at + 1
    if first < 224 and at + 1 < len(data):
        return ((first - 192) << 8) + data[at + 1] + 192, at + 2
    if first == 255 and at + 4 < len(data):
        return int.from_bytes(data[at + 1 : at + 5], "big"), at + 5
    raise ValueError("the key is cut off")


def _algorithm(body: bytes) -> int:
    return body[5] if len(body) > 5 else 0


def _fingerprint(body: bytes) -> str:
    """Version 4 as gpg has it; version 6 of RFC 9580."""
    if body[:1] == b"\x04":
        head = b"\x99" + len(body).to_bytes(2, "big")
        return hashlib.sha1(head + body, usedforsecurity=False).hexdigest().upper()  # what the format has
    if body[:1] == b"\x06":
        return hashlib.sha256(b"\x9b" + len(body).to_bytes(4, "big") + body).hexdigest().upper()
    raise ValueError("keys of this version are not taken: make one with a gpg of today")
